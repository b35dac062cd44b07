//! A transaction that may write, and what happens after its commit.
//!
//! How it crosses to the database is in `sqlite_unit` and `postgres_unit`.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::afterwards::Afterwards;
use crate::deferred::{DeferredWrite, commit_together, defer, flush_in_background, given_up};
use crate::postgres_unit::PostgresUnit;
use crate::sqlite_unit::SqliteUnit;
use crate::sqlite_writer::Handed;
use crate::wake::CHANNEL;
use crate::write::Write;
use crate::{Database, Dialect, Error, OpenDatabase};

/// A transaction that may write. If it is dropped without [`WriteTransaction::commit`], it is rolled back.
///
/// A statement whose result is needed is sent at once, through [`ConnectionTrait`]. Other writes are better given to
/// [`WriteTransaction::write`]. They are sent together, with the commit if nothing is read after them.
pub struct WriteTransaction {
    unit: UnitOf,
    database: Arc<OpenDatabase>,
    plans: Mutex<Plans>,
}

#[derive(Debug)]
enum UnitOf {
    Sqlite(SqliteUnit),
    Postgres(PostgresUnit),
}

/// What is still to do.
#[derive(Default)]
struct Plans {
    writes: Vec<Write>,
    announced: BTreeSet<&'static str>,
    afterwards: Afterwards,
}

impl WriteTransaction {
    pub(crate) fn new(database: Arc<OpenDatabase>) -> Self {
        let unit = match &database.line {
            Some(line) => UnitOf::Sqlite(SqliteUnit::new(Arc::clone(line))),
            None => UnitOf::Postgres(PostgresUnit::new(database.writer.clone())),
        };
        Self { unit, database, plans: Mutex::default() }
    }

    /// The SQL dialect.
    pub fn dialect(&self) -> Dialect {
        self.database.dialect
    }

    /// Whether it is a transaction of `database`, or of a clone of it.
    pub fn is_of(&self, database: &Database) -> bool {
        Arc::ptr_eq(&self.database, &database.inner)
    }

    /// Adds a write. It is sent with others before the next read of this transaction, or with its commit.
    ///
    /// Its error is returned then.
    pub fn write(&self, write: Write) {
        self.plans().writes.push(write);
    }

    /// Runs `then` after the commit. Drops it if there is no commit.
    pub fn on_commit(&self, then: impl FnOnce() + Send + 'static) {
        self.plans().afterwards.then.push(Box::new(then));
    }

    /// The one value of this type for this open database; see [`crate::Database::shared`].
    pub fn shared<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        self.database.shared.get()
    }

    /// Wakes the subscribers of `topic` after the commit.
    pub fn wake_on_commit(&self, topic: &str) {
        self.plans().afterwards.topics.insert(topic.to_owned());
    }

    /// Wakes the subscribers of `topic` in other processes after the commit.
    pub fn wake_elsewhere_on_commit(&self, topic: &str) {
        self.plans().afterwards.topics_elsewhere.insert(topic.to_owned());
    }

    /// Wakes those who follow `topic` after the commit; see [`Database::follow`].
    pub fn tell_on_commit(&self, topic: &'static str) {
        self.plans().afterwards.told.insert(topic);
    }

    /// Announces with the commit, to every process, that copies of data of `topic` are out of date.
    ///
    /// The announcement is as durable as the commit, while a wake-up can be lost with the process. In return such
    /// commits wait for one lock of the server, so this is for rare changes.
    pub fn announce_on_commit(&self, topic: &'static str) {
        self.plans().announced.insert(topic);
    }

    /// The rows of several queries, sent together if the database allows it.
    pub async fn query_together(&self, statements: Vec<Statement>) -> Result<Vec<Vec<QueryResult>>, Error> {
        self.send_writes().await?;
        Ok(match &self.unit {
            UnitOf::Sqlite(unit) => unit.query(statements).await?,
            UnitOf::Postgres(unit) => unit.query(statements).await?,
        })
    }

    /// Makes the changes durable and visible, then wakes the processes that wait for them.
    pub async fn commit(self) -> Result<(), Error> {
        let announced = std::mem::take(&mut self.plans().announced);
        for payload in announced.iter().filter_map(|topic| self.database.wakeups.notification(topic)) {
            let sql = "SELECT pg_notify($1, $2)";
            let notify = Statement::from_sql_and_values(DbBackend::Postgres, sql, [CHANNEL.into(), payload.into()]);
            self.execute_raw(notify).await?;
        }
        let Self { mut unit, database, plans } = self;
        let Plans { writes, afterwards, .. } = plans.into_inner().unwrap_or_else(PoisonError::into_inner);
        let then = move |database: &OpenDatabase| {
            for topic in announced {
                database.wakeups.wake_here(topic);
            }
            afterwards.happen(&database.wakeups);
        };

        let has_begun = unit.has_begun();
        let deferred = if has_begun || writes.is_empty() { Vec::new() } else { database.deferred.take() };
        if deferred.is_empty() {
            if let Some(thread) = database.writes.as_ref().filter(|_| !has_begun && !writes.is_empty()) {
                let committing = Committing::new(thread.hand_over_one(writes), &database, then);
                return committing.ended().await;
            }
            match unit {
                UnitOf::Sqlite(unit) => unit.commit(writes).await?,
                UnitOf::Postgres(unit) => unit.commit(writes).await?,
            }
            then(&database);
        } else {
            // Others wait for this commit, so it continues if this caller stops waiting, with all that follows it.
            let database = Arc::clone(&database);
            let committing = tokio::spawn(async move {
                commit_together(Arc::clone(&database), deferred, writes).await?;
                then(&database);
                Ok(())
            });
            committing.await.unwrap_or_else(|_| Err(given_up()))?;
        }
        if has_begun {
            // Deferred writes cannot join a unit that has read something. They are committed after it.
            flush_in_background(&database);
        }
        Ok(())
    }

    /// As [`WriteTransaction::commit`], but the commit is deferred, so that it is shared with another unit of this process.
    /// It is shared with the next unit that only writes and is committed after this call. After the next unit that has
    /// read something, or a few milliseconds, it is made alone.
    ///
    /// This is for what a killed process may lose because it is done again then, such as the end of a job. What it writes
    /// must be safe to repeat, because after a failure it may be tried again. A unit that has read something is committed
    /// at once.
    pub fn commit_deferred(mut self) -> impl Future<Output = Result<(), Error>> + Send {
        let deferred = if self.unit.has_begun() || !self.plans().announced.is_empty() {
            Err(self)
        } else {
            let Plans { writes, afterwards, .. } = self.plans.into_inner().unwrap_or_else(PoisonError::into_inner);
            let (result, committed) = oneshot::channel();
            defer(&self.database, DeferredWrite::new(writes, afterwards, result));
            Ok(committed)
        };
        async move {
            match deferred {
                Ok(committed) => committed.await.unwrap_or_else(|_| Err(given_up())),
                Err(unit) => unit.commit().await,
            }
        }
    }

    /// Undoes everything now. Dropping the transaction does the same a little later.
    pub async fn rollback(self) -> Result<(), Error> {
        match self.unit {
            UnitOf::Sqlite(unit) => unit.rollback().await,
            UnitOf::Postgres(unit) => unit.rollback().await?,
        }
        Ok(())
    }

    async fn send_writes(&self) -> Result<(), Error> {
        let writes = std::mem::take(&mut self.plans().writes);
        if writes.is_empty() {
            return Ok(());
        }
        match &self.unit {
            UnitOf::Sqlite(unit) => unit.write(writes).await,
            UnitOf::Postgres(unit) => unit.write(writes).await,
        }
    }

    fn plans(&self) -> MutexGuard<'_, Plans> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A commit that happens even if its caller stops waiting, and what follows it.
struct Committing<F: FnOnce(&OpenDatabase) + Send + 'static> {
    /// `None` after the end.
    both: Option<(Handed, F)>,
    database: Arc<OpenDatabase>,
    runtime: Handle,
}

impl<F: FnOnce(&OpenDatabase) + Send + 'static> Committing<F> {
    fn new(handed: Handed, database: &Arc<OpenDatabase>, then: F) -> Self {
        Self { both: Some((handed, then)), database: Arc::clone(database), runtime: Handle::current() }
    }

    async fn ended(mut self) -> Result<(), Error> {
        let Some((handed, _)) = &mut self.both else { return Ok(()) };
        let committed = handed.ended().await;
        if let (Some((_, then)), true) = (self.both.take(), committed.is_ok()) {
            then(&self.database);
        }
        committed.map(drop)
    }
}

impl<F: FnOnce(&OpenDatabase) + Send + 'static> Drop for Committing<F> {
    fn drop(&mut self) {
        if let Some((mut handed, then)) = self.both.take() {
            let database = Arc::clone(&self.database);
            self.runtime.spawn(async move {
                if handed.ended().await.is_ok() {
                    then(&database);
                }
            });
        }
    }
}

impl UnitOf {
    /// Whether anything was sent to the database.
    fn has_begun(&mut self) -> bool {
        match self {
            Self::Sqlite(unit) => unit.has_begun(),
            Self::Postgres(unit) => unit.has_begun(),
        }
    }
}

impl fmt::Debug for WriteTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteTransaction").field("unit", &self.unit).finish_non_exhaustive()
    }
}

#[async_trait]
impl ConnectionTrait for WriteTransaction {
    fn get_database_backend(&self) -> DbBackend {
        match self.unit {
            UnitOf::Sqlite(_) => DbBackend::Sqlite,
            UnitOf::Postgres(_) => DbBackend::Postgres,
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.send_writes().await.map_err(Error::into_db_err)?;
        match &self.unit {
            UnitOf::Sqlite(unit) => unit.execute(statement).await,
            UnitOf::Postgres(unit) => unit.begun().await?.execute_raw(statement).await,
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.send_writes().await.map_err(Error::into_db_err)?;
        match &self.unit {
            UnitOf::Sqlite(unit) => unit.execute(Statement::from_string(DbBackend::Sqlite, sql)).await,
            UnitOf::Postgres(unit) => unit.begun().await?.execute_unprepared(sql).await,
        }
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let mut rows = self.query_all_raw(statement).await?;
        Ok(if rows.is_empty() { None } else { Some(rows.swap_remove(0)) })
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let answers = self.query_together(vec![statement]).await.map_err(Error::into_db_err)?;
        Ok(answers.into_iter().next().unwrap_or_default())
    }
}
