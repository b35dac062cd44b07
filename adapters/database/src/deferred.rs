//! Writes that may be deferred for a moment: they are committed together with another unit of this process.
//!
//! If there is no other unit within [`WAIT_MAX`], they are committed alone. Which writes may be deferred, their caller
//! decides.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sea_orm::DbErr;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::afterwards::Afterwards;
use crate::postgres_unit::PostgresUnit;
use crate::sqlite_unit::SqliteUnit;
use crate::write::Write;
use crate::{Error, OpenDatabase};

/// The longest wait for another unit.
///
/// What is deferred is lost if the process is killed meanwhile, so this is short. It is as long as the next step of a
/// payment usually takes: an event was delivered, and its recipient asks for something.
const WAIT_MAX: Duration = Duration::from_millis(10);

/// As soon as so many units are deferred, they are committed.
const DEFERRED_MAX: usize = 8;

/// More units than are ever deferred or committed at once.
const UNITS_MAX: u32 = 1 << 20;

/// The writes of a unit whose commit is deferred.
pub(crate) struct DeferredWrite {
    pub(crate) writes: Vec<Write>,
    pub(crate) afterwards: Afterwards,
    /// Gets the result of the commit.
    pub(crate) result: oneshot::Sender<Result<(), Error>>,
    /// The database is not closed before this is given back.
    under_way: Option<OwnedSemaphorePermit>,
}

impl DeferredWrite {
    pub(crate) fn new(writes: Vec<Write>, afterwards: Afterwards, result: oneshot::Sender<Result<(), Error>>) -> Self {
        Self { writes, afterwards, result, under_way: None }
    }
}

/// The deferred writes of an open database.
pub(crate) struct DeferredWrites {
    waiting: Mutex<Waiting>,
    under_way: Arc<Semaphore>,
}

impl Default for DeferredWrites {
    fn default() -> Self {
        Self { waiting: Mutex::default(), under_way: Arc::new(Semaphore::new(UNITS_MAX as usize)) }
    }
}

#[derive(Default)]
struct Waiting {
    deferred: Vec<DeferredWrite>,
    /// How often they were taken so far.
    taken: u64,
}

impl DeferredWrites {
    /// Takes all. The caller commits them.
    pub(crate) fn take(&self) -> Vec<DeferredWrite> {
        let mut waiting = self.waiting();
        if !waiting.deferred.is_empty() {
            waiting.taken += 1;
        }
        mem::take(&mut waiting.deferred)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until every deferred write has a result.
    pub(crate) async fn ended(&self) {
        drop(self.under_way.acquire_many(UNITS_MAX).await);
    }
}

/// Defers `write` until the next unit of this process is committed, but at most for [`WAIT_MAX`].
pub(crate) fn defer(database: &Arc<OpenDatabase>, mut write: DeferredWrite) {
    write.under_way = Arc::clone(&database.deferred.under_way).try_acquire_owned().ok();
    let (count, taken) = {
        let mut waiting = database.deferred.waiting();
        waiting.deferred.push(write);
        (waiting.deferred.len(), waiting.taken)
    };
    // Tasks of their own, because the callers may stop waiting.
    if count == DEFERRED_MAX {
        flush_in_background(database);
    } else if count == 1 {
        let database = Arc::clone(database);
        tokio::spawn(async move {
            tokio::time::sleep(WAIT_MAX).await;
            if database.deferred.waiting().taken == taken {
                flush(&database).await;
            }
        });
    }
}

/// Commits the deferred writes now.
pub(crate) async fn flush(database: &Arc<OpenDatabase>) {
    commit_deferred(Arc::clone(database), database.deferred.take()).await;
}

/// As [`flush`], without waiting for the commit.
pub(crate) fn flush_in_background(database: &Arc<OpenDatabase>) {
    let deferred = database.deferred.take();
    if !deferred.is_empty() {
        tokio::spawn(commit_deferred(Arc::clone(database), deferred));
    }
}

async fn commit_deferred(database: Arc<OpenDatabase>, deferred: Vec<DeferredWrite>) {
    if !deferred.is_empty()
        && let Err(error) = commit_together(database, deferred, Vec::new()).await
    {
        tracing::warn!(error = &error as &dyn std::error::Error, "deferred writes were not committed together");
    }
}

/// Commits `deferred` together with `own` writes of a unit, and returns the result for `own`. Neither fails because of
/// the other: if they fail together, each deferred write is committed alone.
pub(crate) async fn commit_together(
    database: Arc<OpenDatabase>,
    deferred: Vec<DeferredWrite>,
    own: Vec<Write>,
) -> Result<(), Error> {
    let units: Vec<Vec<Write>> = deferred.iter().map(|one| one.writes.clone()).collect();
    let (committed, result) = if let Some(thread) = &database.writes {
        // Each is a unit of its own, so none fails because of another.
        thread.commit_after(units, own).await
    } else if let Some(line) = &database.line {
        // In memory there is no wait for a disk that they could share.
        let mut committed = Vec::with_capacity(units.len());
        for unit in units {
            committed.push(SqliteUnit::new(Arc::clone(line)).commit(unit).await.is_ok());
        }
        (committed, SqliteUnit::new(Arc::clone(line)).commit(own).await)
    } else {
        // One statement for all, because each statement would be a transaction of its own.
        let (committed, result) = on_postgres(&database, units.into_iter().flatten().collect(), own).await;
        (vec![committed; deferred.len()], result)
    };
    for (one, committed) in deferred.into_iter().zip(committed) {
        if committed {
            one.committed(&database);
        } else {
            tokio::spawn(one.commit_alone(Arc::clone(&database)));
        }
    }
    result
}

/// Whether the writes `before` were committed, and the result for `own`.
async fn on_postgres(database: &OpenDatabase, before: Vec<Write>, own: Vec<Write>) -> (bool, Result<(), Error>) {
    let unit = || PostgresUnit::new(database.writer.clone());
    let all = before.into_iter().chain(own.iter().cloned()).collect();
    match unit().commit(all).await {
        Ok(()) => (true, Ok(())),
        // It is unknown what happened.
        Err(error @ Error::Unavailable(_)) => (false, Err(error)),
        // Nothing happened. It is unknown which of them is the cause.
        Err(_) => {
            own.iter().for_each(Write::forget_met);
            (false, unit().commit(own).await)
        }
    }
}

impl DeferredWrite {
    fn committed(self, database: &OpenDatabase) {
        self.afterwards.happen(&database.wakeups);
        // A caller that no longer waits needs no result.
        let _ = self.result.send(Ok(()));
    }

    async fn commit_alone(mut self, database: Arc<OpenDatabase>) {
        let writes = mem::take(&mut self.writes);
        writes.iter().for_each(Write::forget_met);
        let result = match (&database.writes, &database.line) {
            (Some(thread), _) => thread.commit(writes).await.map(drop),
            (None, Some(line)) => SqliteUnit::new(Arc::clone(line)).commit(writes).await,
            (None, None) => PostgresUnit::new(database.writer.clone()).commit(writes).await,
        };
        match result {
            Ok(()) => self.committed(&database),
            Err(error) => drop(self.result.send(Err(error))),
        }
    }
}

/// The error of a unit whose commit was given up.
pub(crate) fn given_up() -> Error {
    Error::Unavailable(DbErr::Custom("the commit was given up".to_owned()))
}

impl std::fmt::Debug for DeferredWrites {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeferredWrites").field("waiting", &self.waiting().deferred.len()).finish_non_exhaustive()
    }
}
