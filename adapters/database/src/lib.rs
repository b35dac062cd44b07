//! Connections to SQLite and Postgres, write transactions, migrations and wake-ups.
//!
//! Not a store: tables and rows belong to the crates that own them. Everything here is the same for all of them.

mod connect;
mod contents;
mod error;
mod gather;
mod locked;
mod migrate;
mod transaction;
mod unreachable;
mod wake;

use std::sync::Arc;
use std::time::Duration;

pub use contents::{Contents, NotOurs};
pub use error::Error;
pub use gather::Gather;
pub use locked::Locked;
pub use migrate::{Migrations, Step};
pub use sea_orm;
pub use transaction::WriteTransaction;
pub use unreachable::Unreachable;
pub use wake::{Mark, Subscription, Watch};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use wake::Wakeups;

/// Which SQL is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// One file, one writer at a time.
    Sqlite,
    /// A server; writers meet at row locks.
    Postgres,
}

/// What a committed SQLite transaction outlives. Postgres is configured at the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process and the loss of power.
    PowerLoss,
    /// The end of the process only. For tests and throw-away data.
    ProcessEnd,
}

/// How to connect.
#[derive(Clone, Debug)]
pub struct Options {
    /// Connections of the Postgres pool.
    pub postgres_connections: u32,
    /// Connections for reading of the SQLite pool; there is always exactly one for writing.
    pub sqlite_readers: u32,
    /// How long to wait for a free connection before giving up.
    pub acquire_timeout: Duration,
    /// How long SQLite waits for another process that is writing.
    pub busy_timeout: Duration,
    /// What a committed SQLite transaction outlives.
    pub durability: Durability,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            postgres_connections: 20,
            sqlite_readers: 3,
            acquire_timeout: Duration::from_secs(10),
            busy_timeout: Duration::from_secs(10),
            durability: Durability::PowerLoss,
        }
    }
}

/// An open database. Cheap to clone; every clone is the same database.
#[derive(Clone, Debug)]
pub struct Database {
    inner: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    dialect: Dialect,
    reader: DatabaseConnection,
    writer: DatabaseConnection,
    wakeups: Arc<Wakeups>,
}

impl Database {
    /// Opens the database at `url`: `sqlite:path/to/file` (created with its folder if missing), `sqlite::memory:`
    /// (gone when closed; reads and writes share one connection) or `postgres://…`.
    pub async fn connect(url: &str, options: &Options) -> Result<Self, Error> {
        connect::connect(url, options).await
    }

    /// Which SQL is spoken.
    pub fn dialect(&self) -> Dialect {
        self.inner.dialect
    }

    /// A pool for reading outside of transactions. On SQLite it refuses writes.
    pub fn reader(&self) -> &DatabaseConnection {
        &self.inner.reader
    }

    /// Begins a transaction that may write; dropped without [`WriteTransaction::commit`] it is rolled back.
    ///
    /// On SQLite it holds the one write connection (`BEGIN IMMEDIATE`), so it never fails half-way for want of
    /// the lock. On Postgres it is read-committed: rows that decide something are locked when they are read.
    pub async fn begin(&self) -> Result<WriteTransaction, Error> {
        let options = TransactionOptions {
            sqlite_transaction_mode: (self.inner.dialect == Dialect::Sqlite)
                .then_some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = self.inner.writer.begin_with_options(options).await?;
        Ok(WriteTransaction::new(transaction, self.inner.dialect, Arc::clone(&self.inner.wakeups)))
    }

    /// Runs one statement that is a transaction of its own. How many rows it changed.
    pub async fn execute(&self, sql: &str, values: impl IntoIterator<Item = sea_orm::Value>) -> Result<u64, Error> {
        let writer = &self.inner.writer;
        let statement = Statement::from_sql_and_values(writer.get_database_backend(), sql, values);
        Ok(writer.execute_raw(statement).await?.rows_affected())
    }

    /// Runs one statement that is a transaction of its own and gives rows.
    pub async fn query(
        &self,
        sql: impl Into<String>,
        values: impl IntoIterator<Item = sea_orm::Value>,
    ) -> Result<Vec<sea_orm::QueryResult>, Error> {
        let writer = &self.inner.writer;
        let statement = Statement::from_sql_and_values(writer.get_database_backend(), sql, values);
        Ok(writer.query_all_raw(statement).await?)
    }

    /// Wakes the subscribers of `topic` after a change made by [`Database::execute`].
    pub fn wake(&self, topic: &str) {
        self.inner.wakeups.wake(topic.to_owned());
    }

    /// Waits for [`WriteTransaction::wake_on_commit`] of `topic`, in this process and, on Postgres, in any other.
    ///
    /// A wake-up between two waits is not lost. One of another process may be, when its connection breaks:
    /// subscribers look for themselves now and then.
    pub fn subscribe(&self, topic: &str) -> Subscription {
        Wakeups::subscribe(&self.inner.wakeups, topic)
    }

    /// Whether copies of what belongs to `topic` are still up to date: no transaction has announced a change
    /// ([`WriteTransaction::announce_on_commit`]), in this process or, on Postgres, in any other.
    pub fn watch(&self, topic: &str) -> Watch {
        Wakeups::watch(&self.inner.wakeups, topic)
    }

    /// Closes every connection. Later use fails.
    pub async fn close(&self) {
        self.inner.wakeups.stop();
        for pool in [&self.inner.reader, &self.inner.writer] {
            // Closing a pool cannot fail; SeaORM's signature allows for other backends.
            let _ = pool.close_by_ref().await;
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.wakeups.stop();
    }
}
