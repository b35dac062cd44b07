//! A transaction that may write, and what happens when it has been committed.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult, Statement};

use crate::wake::{CHANNEL, Wakeups};
use crate::{Dialect, Error};

/// A transaction that may write. Dropped without [`WriteTransaction::commit`] it is rolled back.
#[derive(Debug)]
pub struct WriteTransaction {
    inner: DatabaseTransaction,
    dialect: Dialect,
    wakeups: Arc<Wakeups>,
    topics: Mutex<BTreeSet<String>>,
    announced: Mutex<BTreeSet<&'static str>>,
}

impl WriteTransaction {
    pub(crate) fn new(inner: DatabaseTransaction, dialect: Dialect, wakeups: Arc<Wakeups>) -> Self {
        Self { inner, dialect, wakeups, topics: Mutex::default(), announced: Mutex::default() }
    }

    /// Which SQL is spoken.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Wakes the subscribers of `topic` once the transaction is committed, and not if it never is.
    pub fn wake_on_commit(&self, topic: &str) {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner).insert(topic.to_owned());
    }

    /// Announces to every process, with the commit, that copies of what belongs to `topic` are out of date.
    ///
    /// As sure as the commit, where a wake-up can be lost with the process; in return such commits queue at one lock of
    /// the server. For what changes seldom.
    pub fn announce_on_commit(&self, topic: &'static str) {
        self.announced.lock().unwrap_or_else(PoisonError::into_inner).insert(topic);
    }

    /// Makes the changes durable and visible, then wakes the processes that wait for them.
    pub async fn commit(self) -> Result<(), Error> {
        let topics = self.topics.into_inner().unwrap_or_else(PoisonError::into_inner);
        let announced = self.announced.into_inner().unwrap_or_else(PoisonError::into_inner);
        for payload in announced.iter().filter_map(|topic| self.wakeups.notification(topic)) {
            let sql = "SELECT pg_notify($1, $2)";
            let notify = Statement::from_sql_and_values(DbBackend::Postgres, sql, [CHANNEL.into(), payload.into()]);
            self.inner.execute_raw(notify).await?;
        }
        self.inner.commit().await?;
        for topic in announced {
            self.wakeups.wake_here(topic);
        }
        for topic in topics {
            self.wakeups.wake(topic);
        }
        Ok(())
    }

    /// Undoes everything now. Dropping the transaction does the same a little later.
    pub async fn rollback(self) -> Result<(), Error> {
        Ok(self.inner.rollback().await?)
    }

    pub(crate) fn inner(&self) -> &DatabaseTransaction {
        &self.inner
    }
}

#[async_trait]
impl ConnectionTrait for WriteTransaction {
    fn get_database_backend(&self) -> DbBackend {
        self.inner.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.inner.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.inner.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.inner.query_one_raw(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.inner.query_all_raw(statement).await
    }
}
