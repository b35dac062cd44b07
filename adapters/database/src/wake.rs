//! Wake-ups: a waiting worker is woken when a transaction that made work for it is committed.
//!
//! Within a process this is a counter per topic, between processes Postgres's LISTEN and NOTIFY. A notification inside
//! the committing transaction would make all commits of the server wait for one lock. So it follows the commit,
//! together with others of the same time. If a process ends in between, the subscribers' own timers find the work.
//! Changes of data that others keep copies of are rare. They are announced inside the transaction, so the announcement
//! is as durable as the commit.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use clock::{Entropy, SystemEntropy};
use sea_orm::sqlx::postgres::{PgConnectOptions, PgListener, PgPool, PgPoolOptions};
use sea_orm::sqlx::query;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

use crate::followed::{Followed, Heard};

pub(crate) const CHANNEL: &str = "rafiki_wake";
const RECONNECT: Duration = Duration::from_secs(1);

/// Signals commits to a topic.
#[derive(Debug)]
pub struct Subscription(watch::Receiver<u64>);

impl Subscription {
    /// Returns at the first wake-up since the last return. Returns at once if there was one meanwhile.
    pub async fn notified(&mut self) {
        if self.0.changed().await.is_err() {
            // The database is closed, so there will be no more commits.
            std::future::pending::<()>().await;
        }
    }

    /// Leaves out the wake-ups until now. What is read after this has their changes.
    pub fn forget(&mut self) {
        self.0.mark_unchanged();
    }
}

/// Says whether a copy of rows may still be used.
///
/// Take a mark, read the rows, and keep the mark with the copy. The copy may be used while [`Watch::mark`] returns the
/// same mark.
#[derive(Clone, Debug)]
pub struct Watch {
    changes: watch::Receiver<u64>,
    heard: Arc<AtomicBool>,
}

/// A time between two changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(u64);

impl Watch {
    /// The present mark; `None` while the connection for changes of other processes is lost. What is read then may not
    /// be kept.
    pub fn mark(&self) -> Option<Mark> {
        // The order matters: when the connection is lost and restored, the change counter is raised in between.
        let heard = self.heard.load(Ordering::SeqCst);
        heard.then(|| Mark(*self.changes.borrow()))
    }
}

#[derive(Debug)]
pub(crate) struct Wakeups {
    topics: Mutex<HashMap<String, watch::Sender<u64>>>,
    /// Whether changes of every process are received.
    heard: Arc<AtomicBool>,
    bridge: Option<Bridge>,
}

/// The connection to other processes on the same Postgres database.
#[derive(Debug)]
struct Bridge {
    pool: PgPool,
    connection: PgConnectOptions,
    /// Distinguishes our own notifications from those of others.
    instance: String,
    outbox: OnceLock<mpsc::UnboundedSender<String>>,
    listening: OnceLock<()>,
    followed: Arc<Followed>,
    telling: OnceLock<()>,
    tasks: Mutex<Vec<AbortHandle>>,
}

impl Wakeups {
    pub(crate) fn local() -> Self {
        Self { topics: Mutex::default(), heard: Arc::new(AtomicBool::new(true)), bridge: None }
    }

    pub(crate) fn across_processes(pool: PgPool, connection: PgConnectOptions) -> Self {
        let bridge = Bridge {
            pool,
            connection,
            instance: SystemEntropy.uuid().simple().to_string(),
            outbox: OnceLock::new(),
            listening: OnceLock::new(),
            followed: Arc::default(),
            telling: OnceLock::new(),
            tasks: Mutex::default(),
        };
        Self { topics: Mutex::default(), heard: Arc::default(), bridge: Some(bridge) }
    }

    pub(crate) fn subscribe(this: &Arc<Self>, topic: &str) -> Subscription {
        let receiver = this.topics().entry(topic.to_owned()).or_default().subscribe();
        if let Some(bridge) = &this.bridge {
            bridge.listening.get_or_init(|| bridge.run(listen(Arc::downgrade(this), bridge.connection.clone())));
        }
        Subscription(receiver)
    }

    pub(crate) fn watch(this: &Arc<Self>, topic: &str) -> Watch {
        let Subscription(changes) = Self::subscribe(this, topic);
        Watch { changes, heard: Arc::clone(&this.heard) }
    }

    /// Subscribes to a topic that changes often; see [`crate::Database::follow`].
    pub(crate) fn follow(this: &Arc<Self>, topic: &str) -> Subscription {
        let subscription = Self::subscribe(this, topic);
        if let Some(saying) = this.bridge.as_ref().and_then(|bridge| bridge.followed.here(topic)) {
            this.wake_elsewhere(saying);
        }
        subscription
    }

    /// Wakes those who follow `topic`, in this process and in others.
    pub(crate) fn tell(&self, topic: &str) {
        self.wake_here(topic);
        self.tell_elsewhere(topic);
    }

    fn tell_elsewhere(&self, topic: &str) {
        if let Some(bridge) = &self.bridge
            && bridge.followed.change(topic)
        {
            bridge.telling.get_or_init(|| {
                let (pool, instance) = (bridge.pool.clone(), bridge.instance.clone());
                let tell = move |topics| send(pool.clone(), instance.clone(), topics);
                bridge.run(Arc::clone(&bridge.followed).tell(tell));
            });
        }
    }

    /// The notification that announces a change of `topic` to other processes; `None` if there are none.
    pub(crate) fn notification(&self, topic: &str) -> Option<String> {
        self.bridge.as_ref().map(|bridge| format!("{} {topic}", bridge.instance))
    }

    pub(crate) fn wake(&self, topic: String) {
        self.wake_here(&topic);
        self.wake_elsewhere(topic);
    }

    pub(crate) fn wake_elsewhere(&self, topic: String) {
        if let Some(bridge) = &self.bridge {
            let outbox = bridge.outbox.get_or_init(|| {
                let (sender, receiver) = mpsc::unbounded_channel();
                bridge.run(notify(bridge.pool.clone(), bridge.instance.clone(), receiver));
                sender
            });
            // This fails only after the database was closed.
            let _ = outbox.send(topic);
        }
    }

    pub(crate) fn stop(&self) {
        if let Some(bridge) = &self.bridge {
            for task in lock(&bridge.tasks).drain(..) {
                task.abort();
            }
        }
    }

    fn topics(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<u64>>> {
        lock(&self.topics)
    }

    pub(crate) fn wake_here(&self, topic: &str) {
        if let Some(counter) = self.topics().get(topic) {
            counter.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    fn wake_all_here(&self) {
        for counter in self.topics().values() {
            counter.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// A notification is `{instance} {topic}`.
    fn received(&self, payload: &str) {
        let Some(bridge) = &self.bridge else { return };
        match payload.split_once(' ') {
            Some((instance, _)) if instance == bridge.instance => {}
            Some((_, notice)) => match bridge.followed.heard(notice) {
                Heard::Change(topic) => self.wake_here(topic),
                // It may have read before a change of which it was not told.
                Heard::FollowsNow(topic) => self.tell_elsewhere(topic),
                Heard::FollowsStill => {}
            },
            None => {}
        }
    }
}

impl Bridge {
    fn run(&self, task: impl Future<Output = ()> + Send + 'static) {
        lock(&self.tasks).push(tokio::spawn(task).abort_handle());
    }
}

async fn notify(pool: PgPool, instance: String, mut inbox: mpsc::UnboundedReceiver<String>) {
    while let Some(first) = inbox.recv().await {
        let mut topics = BTreeSet::from([first]);
        while let Ok(another) = inbox.try_recv() {
            topics.insert(another);
        }
        send(pool.clone(), instance.clone(), topics).await;
    }
}

async fn send(pool: PgPool, instance: String, topics: BTreeSet<String>) {
    for topic in topics {
        let sent = query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(format!("{instance} {topic}"));
        if let Err(error) = sent.execute(&pool).await {
            tracing::warn!(%error, topic, "other processes were not notified; their timers will find the work");
        }
    }
}

/// Listens until the database is dropped. After a lost connection all subscribers are woken, because a notification may
/// be lost.
async fn listen(wakeups: Weak<Wakeups>, connection: PgConnectOptions) {
    let pool = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
    let pool = pool.connect_lazy_with(connection);
    loop {
        let ended = listen_once(&wakeups, &pool).await;
        let Some(here) = wakeups.upgrade() else { return };
        here.heard.store(false, Ordering::SeqCst);
        drop(here);
        if let Err(error) = ended {
            tracing::warn!(%error, "the connection for notifications is lost; connecting again");
            tokio::time::sleep(RECONNECT).await;
        }
    }
}

/// Listens until the connection is lost or the database is dropped.
async fn listen_once(wakeups: &Weak<Wakeups>, pool: &PgPool) -> Result<(), sea_orm::sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    // A lost connection is reported at once, not when the next one is opened.
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    let Some(here) = wakeups.upgrade() else { return Ok(()) };
    here.wake_all_here();
    here.heard.store(true, Ordering::SeqCst);
    drop(here);
    while let Some(notification) = listener.try_recv().await? {
        let Some(here) = wakeups.upgrade() else { return Ok(()) };
        here.received(notification.payload());
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
