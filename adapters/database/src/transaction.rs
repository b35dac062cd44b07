//! A transaction that may write, and what happens when it has been committed.
//!
//! It begins at the database with the first statement that has to be answered. Changes that wait for nothing cross
//! together ([`WriteTransaction::later`]).

use std::collections::BTreeSet;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use tokio::sync::OnceCell;

use crate::changes::{Change, Changes};
use crate::wake::{CHANNEL, Wakeups};
use crate::{Dialect, Error};

/// A transaction that may write. Dropped without [`WriteTransaction::commit`] it is rolled back.
#[derive(Debug)]
pub struct WriteTransaction {
    writer: DatabaseConnection,
    begun: OnceCell<DatabaseTransaction>,
    dialect: Dialect,
    wakeups: Arc<Wakeups>,
    waiting: Mutex<Changes>,
    topics: Mutex<BTreeSet<String>>,
    announced: Mutex<BTreeSet<&'static str>>,
}

impl WriteTransaction {
    pub(crate) fn new(writer: DatabaseConnection, dialect: Dialect, wakeups: Arc<Wakeups>) -> Self {
        Self {
            writer,
            begun: OnceCell::new(),
            dialect,
            wakeups,
            waiting: Mutex::default(),
            topics: Mutex::default(),
            announced: Mutex::default(),
        }
    }

    /// Which SQL is spoken.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Makes a change with the transaction's next statement, at the latest with its commit.
    ///
    /// All changes that wait cross to the database together; on Postgres they are one statement. So no two of them may
    /// change the same row. What they violate is told by the statement or commit that takes them along.
    pub fn later(&self, statement: Statement) {
        lock(&self.waiting).push(Change { statement, group: None });
    }

    /// As [`WriteTransaction::later`], for changes that concern exactly one row together. If it is not as they expect,
    /// nothing of the transaction happens: [`Error::Outdated`], with `what` was to be changed.
    pub fn later_one(&self, what: &'static str, statements: impl IntoIterator<Item = Statement>) {
        lock(&self.waiting).push_group(what, statements);
    }

    /// Wakes the subscribers of `topic` once the transaction is committed, and not if it never is.
    pub fn wake_on_commit(&self, topic: &str) {
        lock(&self.topics).insert(topic.to_owned());
    }

    /// Tells every process with the commit that copies of what belongs to `topic` are out of date.
    ///
    /// As sure as the commit, where a wake-up can be lost with the process; in return such commits queue at one lock of
    /// the server. For what changes seldom.
    pub fn announce_on_commit(&self, topic: &'static str) {
        lock(&self.announced).insert(topic);
    }

    /// Makes the changes durable and visible, then wakes who waits for them.
    pub async fn commit(mut self) -> Result<(), Error> {
        let topics = mem::take(&mut *lock(&self.topics));
        let announced = mem::take(&mut *lock(&self.announced));
        for payload in announced.iter().filter_map(|topic| self.wakeups.notification(topic)) {
            let sql = "SELECT pg_notify($1, $2)";
            let notify = Statement::from_sql_and_values(DbBackend::Postgres, sql, [CHANNEL.into(), payload.into()]);
            self.begun().await?.execute_raw(notify).await?;
        }
        let waiting = mem::take(&mut *lock(&self.waiting));
        match self.begun.take() {
            // What is one statement is a transaction by itself.
            None if self.dialect == Dialect::Postgres && waiting.fit_one_statement() => {
                waiting.make(&self.writer, self.dialect).await?;
            }
            None if waiting.is_empty() => {}
            begun => {
                let begun = match begun {
                    Some(begun) => begun,
                    None => begin(&self.writer, self.dialect).await?,
                };
                waiting.make(&begun, self.dialect).await?;
                begun.commit().await?;
            }
        }
        for topic in announced {
            self.wakeups.wake_here(topic);
        }
        for topic in topics {
            self.wakeups.wake(topic);
        }
        Ok(())
    }

    /// Undoes everything now. Dropping the transaction does the same a little later.
    pub async fn rollback(mut self) -> Result<(), Error> {
        match self.begun.take() {
            Some(begun) => Ok(begun.rollback().await?),
            None => Ok(()),
        }
    }

    /// The transaction at the database, with the changes made that waited.
    pub(crate) async fn begun(&self) -> Result<&DatabaseTransaction, DbErr> {
        let begun = self.begun.get_or_try_init(|| begin(&self.writer, self.dialect)).await?;
        let waiting = mem::take(&mut *lock(&self.waiting));
        waiting.make(begun, self.dialect).await?;
        Ok(begun)
    }
}

/// On SQLite it takes the lock at once, so it never fails half-way for want of it.
async fn begin(writer: &DatabaseConnection, dialect: Dialect) -> Result<DatabaseTransaction, DbErr> {
    let options = TransactionOptions {
        sqlite_transaction_mode: (dialect == Dialect::Sqlite).then_some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    writer.begin_with_options(options).await
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl ConnectionTrait for WriteTransaction {
    fn get_database_backend(&self) -> DbBackend {
        self.writer.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.begun().await?.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.begun().await?.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.begun().await?.query_one_raw(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.begun().await?.query_all_raw(statement).await
    }
}
