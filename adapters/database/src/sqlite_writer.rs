//! The thread that commits units of work on a SQLite file, if they only write. A unit crosses to it once and is answered
//! once. Units that arrive while it commits share the next commit.
//!
//! Units that also read use the connection of `sqlite_line`. Only one of both connections writes at a time: the thread
//! works while it holds the place in that line.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use sea_orm::DbErr;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::sqlite_commit::{Committed, commit_together, error_of};
use crate::sqlite_line::{Elsewhere, SqliteLine, UNITS_MAX};
use crate::write::Write;
use crate::{Durability, Error};

/// A commit that finds so many pages in the write-ahead log copies them into the file. With more pages, a page that changes
/// often is copied less often. So many fit into the size that the log keeps (`journal_size_limit`).
pub(crate) const PAGES_IN_LOG: u32 = 4000;

/// How the file is opened. The file exists already.
#[derive(Clone, Debug)]
pub(crate) struct Opening {
    pub(crate) file: PathBuf,
    pub(crate) busy_timeout: Duration,
    pub(crate) durability: Durability,
    /// The most memory for pages, in KiB.
    pub(crate) cache: u32,
    /// How many statements stay prepared.
    pub(crate) statements: usize,
}

/// Hands units to the thread.
#[derive(Debug)]
pub(crate) struct SqliteWriter {
    line: Arc<SqliteLine>,
    opening: Opening,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Unit>,
    thread: Thread,
    /// Whether the thread works, or will when it is given the place in the line.
    is_called: bool,
}

impl Queue {
    /// Refuses what waits. The senders of the results are dropped, so whoever waits is told.
    fn give_up(&mut self) {
        self.waiting.clear();
        self.is_called = false;
        if let Thread::Runs(_) = self.thread {
            self.thread = Thread::NotStarted;
        }
    }
}

/// A task that makes the thread work. If the task ends early, with its runtime, units of another runtime do not wait for it.
struct Calling(Option<Arc<SqliteWriter>>);

impl Calling {
    async fn when_free(mut self, runtime: Handle) {
        let Some(line) = self.0.as_ref().map(|writer| Arc::clone(&writer.line)) else { return };
        let place = line.elsewhere().await;
        if let Some(writer) = self.0.take() {
            writer.work(place, runtime);
        }
    }
}

impl Drop for Calling {
    fn drop(&mut self) {
        if let Some(writer) = self.0.take() {
            writer.queue().give_up();
        }
    }
}

#[derive(Debug, Default)]
enum Thread {
    #[default]
    NotStarted,
    Runs(mpsc::Sender<Call>),
    Closed,
}

#[derive(Debug)]
struct Unit {
    writes: Vec<Write>,
    result: oneshot::Sender<Committed>,
}

/// What the thread is told.
#[derive(Debug)]
enum Call {
    /// Commit what waits.
    Work { writer: Arc<SqliteWriter>, place: Elsewhere, runtime: Handle },
    /// Close the connection and end.
    End(oneshot::Sender<()>),
}

impl SqliteWriter {
    pub(crate) fn new(line: Arc<SqliteLine>, opening: Opening) -> Arc<Self> {
        Arc::new(Self { line, opening, queue: Mutex::default() })
    }

    /// Commits a unit, even if the caller stops waiting. Returns how many rows each write has changed.
    pub(crate) async fn commit(self: &Arc<Self>, writes: Vec<Write>) -> Committed {
        self.hand_over_one(writes).ended().await
    }

    /// As [`SqliteWriter::commit`], without waiting.
    pub(crate) fn hand_over_one(self: &Arc<Self>, writes: Vec<Write>) -> Handed {
        let (unit, handed) = Unit::new(writes);
        self.hand_over([unit]);
        handed
    }

    /// Commits `before` and `own`, each as a unit. Returns which of the former were committed, and the result for `own`.
    pub(crate) async fn commit_after(
        self: &Arc<Self>,
        before: Vec<Vec<Write>>,
        own: Vec<Write>,
    ) -> (Vec<bool>, Result<(), Error>) {
        let (units, handed): (Vec<_>, Vec<_>) = before.into_iter().map(Unit::new).unzip();
        let (own, own_handed) = Some(own).filter(|own| !own.is_empty()).map(Unit::new).unzip();
        self.hand_over(units.into_iter().chain(own));
        let mut committed = Vec::with_capacity(handed.len());
        for mut one in handed {
            committed.push(one.ended().await.is_ok());
        }
        match own_handed {
            Some(mut own) => (committed, own.ended().await.map(drop)),
            None => (committed, Ok(())),
        }
    }

    /// Ends the thread. Units that it has not begun are refused.
    pub(crate) async fn close(&self) {
        let place = self.line.elsewhere().await;
        let thread = std::mem::replace(&mut self.queue().thread, Thread::Closed);
        if let Thread::Runs(calls) = thread {
            let (ended, end) = oneshot::channel();
            if calls.send(Call::End(ended)).is_ok() {
                // It fails if the thread has ended, too.
                let _ = end.await;
            }
        }
        drop(place);
    }

    fn hand_over(self: &Arc<Self>, units: impl IntoIterator<Item = Unit>) {
        let is_called = {
            let mut queue = self.queue();
            queue.waiting.extend(units);
            std::mem::replace(&mut queue.is_called, true)
        };
        if !is_called {
            self.call(Handle::current());
        }
    }

    /// Makes the thread work as soon as no other unit writes.
    fn call(self: &Arc<Self>, runtime: Handle) {
        if let Some(place) = self.line.try_elsewhere() {
            return self.work(place, runtime);
        }
        let calling = Calling(Some(Arc::clone(self)));
        let own = runtime.clone();
        // A task of its own, because the caller may stop waiting.
        runtime.spawn(async move { calling.when_free(own).await });
    }

    fn work(self: &Arc<Self>, place: Elsewhere, runtime: Handle) {
        let mut queue = self.queue();
        if let Thread::NotStarted = queue.thread {
            queue.thread = start(&self.opening).map_or(Thread::NotStarted, Thread::Runs);
        }
        let call = Call::Work { writer: Arc::clone(self), place, runtime };
        let is_sent = match &queue.thread {
            Thread::Runs(calls) => calls.send(call).is_ok(),
            Thread::NotStarted | Thread::Closed => false,
        };
        if !is_sent {
            queue.give_up();
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Unit {
    fn new(writes: Vec<Write>) -> (Self, Handed) {
        let (result, committed) = oneshot::channel();
        (Self { writes, result }, Handed(committed))
    }
}

/// A unit that is handed over.
#[derive(Debug)]
pub(crate) struct Handed(oneshot::Receiver<Committed>);

impl Handed {
    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> Committed {
        let closed = || Error::Unavailable(DbErr::Custom("the database was closed before the commit".to_owned()));
        (&mut self.0).await.unwrap_or_else(|_| Err(closed()))
    }
}

fn start(opening: &Opening) -> Option<mpsc::Sender<Call>> {
    let (calls, inbox) = mpsc::channel();
    let mut file = File { opening: opening.clone(), connection: None };
    let run = move || {
        for call in inbox {
            match call {
                Call::Work { writer, place, runtime } => {
                    // This may be the last use of the database. Its pools need the runtime when they are dropped.
                    let own = runtime.clone();
                    let _inside = own.enter();
                    let worked = catch_unwind(AssertUnwindSafe(|| file.work(&writer, place, runtime)));
                    if worked.is_err() {
                        // What it had begun is undone with the connection. Another thread does what comes later.
                        writer.queue().give_up();
                    }
                    drop(writer);
                    if worked.is_err() {
                        return;
                    }
                }
                Call::End(ended) => {
                    drop(file);
                    // The caller may have stopped waiting.
                    let _ = ended.send(());
                    return;
                }
            }
        }
    };
    match std::thread::Builder::new().name("sqlite-writer".to_owned()).spawn(run) {
        Ok(_) => Some(calls),
        Err(error) => {
            tracing::error!(%error, "the thread that writes to a database was not started");
            None
        }
    }
}

/// The file, as the thread has opened it.
struct File {
    opening: Opening,
    connection: Option<Connection>,
}

impl File {
    /// Commits what waits. Between two commits it gives way to units that also read.
    fn work(&mut self, writer: &Arc<SqliteWriter>, place: Elsewhere, runtime: Handle) {
        loop {
            let some: Vec<Unit> = {
                let mut queue = writer.queue();
                if queue.waiting.is_empty() {
                    // The place is free before a new unit looks for it.
                    drop(place);
                    queue.is_called = false;
                    return;
                }
                let count = queue.waiting.len().min(UNITS_MAX);
                queue.waiting.drain(..count).collect()
            };
            self.commit(some);
            if writer.line.is_wanted() {
                drop(place);
                return writer.call(runtime);
            }
        }
    }

    fn commit(&mut self, some: Vec<Unit>) {
        let (writes, results): (Vec<_>, Vec<_>) = some.into_iter().map(|unit| (unit.writes, unit.result)).unzip();
        let committed = match self.connected() {
            Ok(connection) => commit_together(connection, &writes),
            Err(error) => writes.iter().map(|_| Err(error_of(&error))).collect(),
        };
        // A transaction that could not be ended is undone by closing its connection.
        if self.connection.as_ref().is_some_and(|connection| !connection.is_autocommit()) {
            self.connection = None;
        }
        for (result, committed) in results.into_iter().zip(committed) {
            // A caller that no longer waits needs no result.
            let _ = result.send(committed);
        }
    }

    fn connected(&mut self) -> rusqlite::Result<&Connection> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => open(&self.opening)?,
        };
        Ok(self.connection.insert(connection))
    }
}

fn open(opening: &Opening) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&opening.file, flags)?;
    connection.busy_timeout(opening.busy_timeout)?;
    let synchronous = match opening.durability {
        Durability::PowerLoss => "full",
        Durability::ProcessEnd => "normal",
    };
    connection.execute_batch(&format!(
        "PRAGMA foreign_keys = on; PRAGMA synchronous = {synchronous}; PRAGMA cache_size = -{}; \
        PRAGMA temp_store = memory; PRAGMA journal_size_limit = 16777216; PRAGMA wal_autocheckpoint = {PAGES_IN_LOG};",
        opening.cache
    ))?;
    connection.set_prepared_statement_cache_capacity(opening.statements);
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Database, Options};
    use sea_orm::{DbBackend, Statement};

    fn insert(note: &str) -> Vec<Write> {
        let sql = "INSERT INTO notes (note) VALUES ($1)";
        vec![Write::new("notes", note, Statement::from_sql_and_values(DbBackend::Sqlite, sql, [note.into()]))]
    }

    #[test]
    fn units_do_not_wait_for_a_runtime_that_has_ended() {
        let folder = tempfile::tempdir().unwrap();
        let file = format!("sqlite://{}", folder.path().join("notes.sqlite").display());
        let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let (first, second) = (runtime(), runtime());
        let (writer, mut handed) = first.block_on(async {
            let database = Database::connect(&file, &Options::default()).await.unwrap();
            database.execute("CREATE TABLE notes (note text)", []).await.unwrap();
            let writer = Arc::clone(database.inner.writes.as_ref().unwrap());
            let place = writer.line.elsewhere().await;
            // It waits for the place until the runtime ends.
            let handed = writer.hand_over_one(insert("of the first"));
            drop(tokio::spawn(async move {
                std::future::pending::<()>().await;
                drop(place);
            }));
            (writer, handed)
        });
        first.shutdown_background();
        second.block_on(async {
            let ended = handed.ended().await;
            assert!(matches!(ended, Err(Error::Unavailable(_))), "{ended:?}");
            assert!(matches!(writer.commit(insert("of the second")).await.as_deref(), Ok([1])));
        });
    }

    #[tokio::test]
    async fn a_file_that_is_gone_is_an_error_and_not_a_wait() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.sqlite");
        let file = format!("sqlite://{}", path.display());
        let database = Database::connect(&file, &Options::default()).await.unwrap();
        std::fs::remove_file(&path).unwrap();
        let writer = Arc::clone(database.inner.writes.as_ref().unwrap());
        assert!(writer.commit(insert("a")).await.is_err());
        assert!(writer.commit_after(vec![insert("b")], insert("c")).await.1.is_err());
    }

    #[test]
    fn a_database_that_is_dropped_before_its_last_commit_ends_without_a_panic() {
        static PANICS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        std::panic::set_hook(Box::new(|panic| {
            eprintln!("{panic}");
            PANICS.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }));
        let folder = tempfile::tempdir().unwrap();
        let file = format!("sqlite://{}", folder.path().join("notes.sqlite").display());
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            for _ in 0..40 {
                let database = Database::connect(&file, &Options::default()).await.unwrap();
                database.execute("CREATE TABLE IF NOT EXISTS notes (note text)", []).await.unwrap();
                let writer = Arc::clone(database.inner.writes.as_ref().unwrap());
                let mut handed = writer.hand_over_one(insert("last"));
                let gone = Arc::downgrade(&writer);
                drop((database, writer));
                assert!(handed.ended().await.is_ok());
                // The thread may be the last that has it.
                while gone.upgrade().is_some() {
                    tokio::task::yield_now().await;
                }
            }
        });
        assert_eq!(PANICS.load(std::sync::atomic::Ordering::SeqCst), 0);
    }
}
