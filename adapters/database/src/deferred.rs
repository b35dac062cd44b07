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
use crate::sqlite_unit::commit_after;
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
    let (groups, committed, result) = if let Some(thread) = &database.writes {
        // Each is a unit of its own, so none fails because of another.
        let units = deferred.iter().map(|one| one.writes.clone()).collect();
        let (committed, result) = thread.commit_after(units, own).await;
        (deferred.into_iter().map(|one| vec![one]).collect(), committed, result)
    } else if let Some(line) = &database.line {
        let groups = alike(deferred);
        let before = groups.iter().map(|group| writes_of(group)).collect();
        let (committed, result) = commit_after(line, before, own).await;
        (groups, committed, result)
    } else {
        // One statement for all, because each statement would be a transaction of its own.
        let (committed, result) = on_postgres(&database, writes_of(&deferred), own).await;
        (vec![deferred], vec![committed], result)
    };
    for (group, committed) in groups.into_iter().zip(committed) {
        for one in group {
            if committed {
                one.committed(&database);
            } else {
                tokio::spawn(one.commit_alone(Arc::clone(&database)));
            }
        }
    }
    result
}

fn writes_of(units: &[DeferredWrite]) -> Vec<Write> {
    units.iter().flat_map(|one| one.writes.iter().cloned()).collect()
}

/// Groups of units whose statements differ in their values only, in groups of 1, 2, 4 and so on. So there are few texts
/// of statements, and SQLite keeps them prepared. Units that change the same rows stay in their order, in one group.
fn alike(units: Vec<DeferredWrite>) -> Vec<Vec<DeferredWrite>> {
    let touch = |(number, one): (usize, &DeferredWrite)| {
        units[..number].iter().any(|other| one.writes.iter().any(|own| other.touches_row_of(own)))
    };
    if units.iter().enumerate().any(touch) {
        return vec![units];
    }
    let mut kinds: Vec<Vec<DeferredWrite>> = Vec::new();
    for one in units {
        match kinds.iter_mut().find(|kind| kind.first().is_some_and(|first| first.is_like(&one))) {
            Some(kind) => kind.push(one),
            None => kinds.push(vec![one]),
        }
    }
    let mut groups = Vec::new();
    for mut kind in kinds {
        while let Some(size) = kind.len().checked_ilog2().map(|power| 1_usize << power) {
            let rest = kind.split_off(size);
            groups.push(mem::replace(&mut kind, rest));
        }
    }
    groups
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
    fn touches_row_of(&self, write: &Write) -> bool {
        self.writes.iter().any(|own| own.touches_row_of(write))
    }

    /// Whether both have the same statements, perhaps with other values.
    fn is_like(&self, other: &Self) -> bool {
        let same =
            |(own, other): (&Write, &Write)| own.statement.sql == other.statement.sql && own.counts() == other.counts();
        self.writes.len() == other.writes.len() && self.writes.iter().zip(&other.writes).all(same)
    }

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
            (None, Some(line)) => commit_after(line, Vec::new(), writes).await.1,
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

#[cfg(test)]
mod tests {
    use sea_orm::{DbBackend, Statement};

    use super::*;

    fn write(sql: &str, key: u32) -> Write {
        Write::new("notes", key, Statement::from_sql_and_values(DbBackend::Sqlite, sql, [key.into()]))
    }

    fn deferred(sql: &str, key: u32) -> DeferredWrite {
        DeferredWrite::new(vec![write(sql, key)], Afterwards::default(), oneshot::channel().0)
    }

    fn keys(groups: &[Vec<DeferredWrite>]) -> Vec<Vec<&str>> {
        groups.iter().map(|group| group.iter().map(|one| one.writes[0].key.as_str()).collect()).collect()
    }

    #[test]
    fn units_with_equal_statements_are_sent_together_in_a_few_sizes() {
        let units = [("a", 1), ("b", 2), ("a", 3), ("a", 4), ("a", 5), ("b", 6), ("a", 7), ("a", 8), ("a", 9)];
        let groups = alike(units.map(|(sql, key)| deferred(sql, key)).into());
        assert_eq!(keys(&groups), [vec!["1", "3", "4", "5"], vec!["7", "8"], vec!["9"], vec!["2", "6"]]);
        assert!(alike(Vec::new()).is_empty());
    }

    #[test]
    fn units_that_change_one_row_stay_in_their_order() {
        let units = || [("a", 1), ("b", 2), ("a", 2), ("a", 3)].map(|(sql, key)| deferred(sql, key)).into();
        assert_eq!(keys(&alike(units())), [["1", "2", "2", "3"]]);
    }
}
