//! Writes that can wait a moment: they go with the next commit of this process, or with each other.
//!
//! Not for what an answer to somebody depends on: until the moment is over, a crash undoes them.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::write::Write;
use crate::{Database, Error};

/// How long one waits for a commit to go with.
const MOMENT: Duration = Duration::from_millis(100);
/// So many wait no longer: they are a transaction of their own.
const MANY: usize = 8;
/// The most that go together.
const MOST: usize = 64;

type Alone<Q> = dyn Fn(Q) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send>> + Send + Sync;

/// Collects what is to be written soon. Clones collect together.
pub struct Soon<Q>(Arc<Inner<Q>>);

struct Inner<Q> {
    database: Database,
    together: Box<dyn Fn(&[Q]) -> Vec<Write> + Send + Sync>,
    alone: Box<Alone<Q>>,
    line: Mutex<Line<Q>>,
}

struct Line<Q> {
    waiting: Vec<Waiting<Q>>,
    /// Some are being written as a transaction of their own.
    at_work: bool,
    /// Somebody watches how long they wait.
    watched: bool,
    /// How many groups have gone.
    gone: u64,
}

struct Waiting<Q> {
    what: Q,
    written: oneshot::Sender<Result<(), Error>>,
}

impl<Q: Clone + Send + 'static> Soon<Q> {
    /// `together` says how several are written: each of its writes must meet a row for each of them. Where one fails,
    /// none of them has happened, and each is done by `alone`.
    pub fn new<F>(
        database: &Database,
        together: impl Fn(&[Q]) -> Vec<Write> + Send + Sync + 'static,
        alone: impl Fn(Q) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let inner = Arc::new(Inner {
            database: database.clone(),
            together: Box::new(together),
            alone: Box::new(move |what| -> Pin<Box<dyn Future<Output = _> + Send>> { Box::pin(alone(what)) }),
            line: Mutex::new(Line { waiting: Vec::new(), at_work: false, watched: false, gone: 0 }),
        });
        let collects: Weak<Inner<Q>> = Arc::downgrade(&inner);
        database.inner.waiting.add(collects);
        Self(inner)
    }

    /// Has `what` written; returns when it is durable. It is written even if the caller stops waiting.
    pub async fn write(&self, what: Q) -> Result<(), Error> {
        let (written, answer) = oneshot::channel();
        let count = {
            let mut line = self.0.line();
            line.waiting.push(Waiting { what, written });
            line.waiting.len()
        };
        if count >= MANY {
            Arc::clone(&self.0).write_now();
        } else {
            Arc::clone(&self.0).watch();
        }
        answer.await.unwrap_or(Err(Error::OutOfRange { what: "a write that was given up" }))
    }
}

impl<Q: Clone + Send + 'static> Inner<Q> {
    fn line(&self) -> MutexGuard<'_, Line<Q>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what waits as transactions of their own, one after the other.
    fn write_now(self: Arc<Self>) {
        if mem::replace(&mut self.line().at_work, true) {
            return;
        }
        tokio::spawn(async move {
            // Those who are about to come do so first.
            tokio::task::yield_now().await;
            while let Some(company) = Arc::clone(&self).board() {
                if self.database.write_at_once(company.writes()).await.is_ok() {
                    company.arrived();
                }
                if self.line().waiting.len() < MANY {
                    break;
                }
            }
            let left = {
                let mut line = self.line();
                line.at_work = false;
                line.waiting.len()
            };
            // Those who came meanwhile have found somebody at work.
            if left >= MANY {
                self.write_now();
            } else if left > 0 {
                self.watch();
            }
        });
    }

    /// Writes those that no commit has taken along for a moment.
    fn watch(self: Arc<Self>) {
        if mem::replace(&mut self.line().watched, true) {
            return;
        }
        tokio::spawn(async move {
            loop {
                let gone = self.line().gone;
                tokio::time::sleep(MOMENT).await;
                let mut line = self.line();
                if line.waiting.is_empty() {
                    line.watched = false;
                    return;
                }
                if line.gone == gone {
                    line.watched = false;
                    break;
                }
            }
            self.write_now();
        });
    }

    fn board(self: Arc<Self>) -> Option<Company> {
        let group = {
            let mut line = self.line();
            let count = line.waiting.len().min(MOST);
            line.gone += u64::from(count > 0);
            line.waiting.drain(..count).collect::<Vec<_>>()
        };
        if group.is_empty() {
            return None;
        }
        let what: Vec<Q> = group.iter().map(|waiting| waiting.what.clone()).collect();
        let writes = (self.together)(&what);
        let ended = Box::new(move |how| match how {
            How::Written => {
                for waiting in group {
                    // Nobody may wait for it any more.
                    let _ = waiting.written.send(Ok(()));
                }
            }
            How::NotWritten => self.write_each(group),
        });
        Some(Company { writes, ended: Some(ended) })
    }

    fn write_each(self: Arc<Self>, group: Vec<Waiting<Q>>) {
        // Without a runtime the program ends; what was to be written is then as after a crash.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                for waiting in group {
                    let _ = waiting.written.send((self.alone)(waiting.what).await);
                }
            });
        }
    }
}

impl<Q> Clone for Soon<Q> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<Q> fmt::Debug for Soon<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Soon").finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug)]
enum How {
    Written,
    NotWritten,
}

/// What goes with a transaction. Dropped, it was not written with it.
pub(crate) struct Company {
    writes: Vec<Write>,
    ended: Option<Box<dyn FnOnce(How) + Send>>,
}

impl Company {
    pub(crate) fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// The transaction was committed.
    pub(crate) fn arrived(mut self) {
        self.end(How::Written);
    }

    fn end(&mut self, how: How) {
        if let Some(ended) = self.ended.take() {
            ended(how);
        }
    }
}

impl Drop for Company {
    fn drop(&mut self) {
        self.end(How::NotWritten);
    }
}

trait Collects: Send + Sync {
    fn board(self: Arc<Self>) -> Option<Company>;
}

impl<Q: Clone + Send + 'static> Collects for Inner<Q> {
    fn board(self: Arc<Self>) -> Option<Company> {
        Inner::board(self)
    }
}

/// Everything of one open database that waits for a commit.
#[derive(Default)]
pub(crate) struct WaitingForACommit(Mutex<Vec<Weak<dyn Collects>>>);

impl WaitingForACommit {
    fn add(&self, collects: Weak<dyn Collects>) {
        let mut all = self.all();
        all.retain(|collects| collects.strong_count() > 0);
        all.push(collects);
    }

    /// What goes with the transaction that is about to be committed.
    pub(crate) fn board(&self) -> Option<Company> {
        let all: Vec<_> = self.all().iter().filter_map(Weak::upgrade).collect();
        all.into_iter().find_map(Collects::board)
    }

    fn all(&self) -> MutexGuard<'_, Vec<Weak<dyn Collects>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for WaitingForACommit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitingForACommit").finish_non_exhaustive()
    }
}
