//! Connections to SQLite and Postgres, write transactions, migrations and wake-ups.
//!
//! Tables and rows belong to the crates above. Everything here is the same for all of them.

mod afterwards;
mod batch;
mod bulk;
mod connect;
mod contents;
mod deferred;
mod error;
mod examination;
mod followed;
mod gather;
mod locked;
mod migrate;
mod postgres_unit;
mod shared;
mod snapshot;
mod sqlite_commit;
mod sqlite_line;
mod sqlite_unit;
mod sqlite_writer;
mod transaction;
mod unreachable;
mod wake;
mod whole;
mod write;

use std::sync::Arc;
use std::time::Duration;

pub use bulk::BulkTable;
pub use contents::{Contents, NotOurs, RESTORE_MARK};
pub use error::Error;
pub use examination::Examination;
pub use gather::Gather;
pub use locked::Locked;
pub use migrate::{Migrations, Step};
pub use sea_orm;
pub use snapshot::Snapshot;
pub use transaction::WriteTransaction;
pub use unreachable::Unreachable;
pub use wake::{Mark, Subscription, Watch};
pub use write::{Met, Write};

use deferred::DeferredWrites;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, Statement, TransactionOptions,
};
use shared::Shared;
use sqlite_line::SqliteLine;
use sqlite_unit::run_alone;
use sqlite_writer::SqliteWriter;
use wake::Wakeups;
use whole::begin_whole;

/// The SQL dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// SQLite: one file, one writer at a time.
    Sqlite,
    /// Postgres: a server, with row locks.
    Postgres,
}

/// The faults that a committed transaction survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process, and loss of power. On Postgres this is as the server is configured.
    PowerLoss,
    /// The end of the process only. A loss of power, or a crash of the Postgres server, loses the last moments. For tests
    /// and temporary data.
    ProcessEnd,
}

/// How to connect.
#[derive(Clone, Debug)]
pub struct Options {
    /// Connections of the Postgres pool.
    pub postgres_connections: u32,
    /// Connections of the SQLite pool for reading. A file has two more for writing.
    pub sqlite_readers: u32,
    /// The longest wait for a free connection.
    pub acquire_timeout: Duration,
    /// How long SQLite waits for another process that is writing.
    pub busy_timeout: Duration,
    /// The most memory for pages of each of the two SQLite connections that write, in KiB.
    pub sqlite_writer_cache: u32,
    /// The faults that a committed transaction survives.
    pub durability: Durability,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            postgres_connections: 20,
            sqlite_readers: 3,
            acquire_timeout: Duration::from_secs(10),
            busy_timeout: Duration::from_secs(10),
            sqlite_writer_cache: 8 * 1024,
            durability: Durability::PowerLoss,
        }
    }
}

/// An open database. It is cheap to clone, and every clone is the same database.
#[derive(Clone, Debug)]
pub struct Database {
    inner: Arc<OpenDatabase>,
}

#[derive(Debug)]
struct OpenDatabase {
    dialect: Dialect,
    reader: DatabaseConnection,
    writer: DatabaseConnection,
    /// The queue of units of work for the driver's write connection of SQLite.
    line: Option<Arc<SqliteLine>>,
    /// The thread for units of a SQLite file that only write.
    writes: Option<Arc<SqliteWriter>>,
    /// Writes that wait for the commit of another unit.
    deferred: DeferredWrites,
    wakeups: Arc<Wakeups>,
    shared: Shared,
}

impl Database {
    /// Opens the database at `url`: `sqlite:path/to/file` (created with its folder if missing), `sqlite::memory:`
    /// (gone when closed; reads and writes share one connection) or `postgres://…`.
    pub async fn connect(url: &str, options: &Options) -> Result<Self, Error> {
        connect::connect(url, options).await
    }

    /// The SQL dialect.
    pub fn dialect(&self) -> Dialect {
        self.inner.dialect
    }

    /// A pool for reading outside of transactions. On SQLite it refuses writes.
    pub fn reader(&self) -> &DatabaseConnection {
        &self.inner.reader
    }

    /// Begins a transaction that may write. If it is dropped without [`WriteTransaction::commit`], it is rolled back.
    ///
    /// On SQLite nothing else writes from its first statement on, so it never fails half-way for lack of the lock. It
    /// shares its commit with transactions that follow at once. So it must wait for nothing but the database. On Postgres
    /// it is read-committed: rows that a decision depends on are locked when they are read.
    // The one place where a caller can wait for either database.
    #[expect(clippy::unused_async, reason = "no statement waits before the first one")]
    pub async fn begin(&self) -> Result<WriteTransaction, Error> {
        Ok(WriteTransaction::new(Arc::clone(&self.inner)))
    }

    /// A transaction of the library's own type, for code that needs that type.
    async fn begin_plain(&self) -> Result<DatabaseTransaction, Error> {
        if let Some(line) = &self.inner.line {
            line.rest().await;
        }
        let options = TransactionOptions {
            sqlite_transaction_mode: (self.inner.dialect == Dialect::Sqlite)
                .then_some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        Ok(begin_whole(&self.inner.writer, options).await?)
    }

    /// Runs one statement as its own transaction. Returns how many rows it changed.
    pub async fn execute(&self, sql: &str, values: impl IntoIterator<Item = sea_orm::Value>) -> Result<u64, Error> {
        let writer = &self.inner.writer;
        let statement = Statement::from_sql_and_values(writer.get_database_backend(), sql, values);
        // A text with a semicolon may be several statements.
        if let Some(writes) = self.inner.writes.as_ref().filter(|_| !statement.sql.contains(';')) {
            let rows = writes.commit(vec![Write::new("", "", statement)]).await?;
            return Ok(rows.into_iter().sum());
        }
        Ok(match &self.inner.line {
            Some(line) => run_alone(line, statement).await?.done.rows_affected(),
            None => writer.execute_raw(statement).await?.rows_affected(),
        })
    }

    /// The one value of this type for this open database, created at its first use. For crates above.
    pub fn shared<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        self.inner.shared.get()
    }

    /// Runs one statement as its own transaction, and returns its rows.
    pub async fn query(
        &self,
        sql: impl Into<String>,
        values: impl IntoIterator<Item = sea_orm::Value>,
    ) -> Result<Vec<sea_orm::QueryResult>, Error> {
        let writer = &self.inner.writer;
        let statement = Statement::from_sql_and_values(writer.get_database_backend(), sql, values);
        Ok(match &self.inner.line {
            Some(line) => run_alone(line, statement).await?.rows,
            None => writer.query_all_raw(statement).await?,
        })
    }

    /// Wakes the subscribers of `topic` after a change made by [`Database::execute`].
    pub fn wake(&self, topic: &str) {
        self.inner.wakeups.wake(topic.to_owned());
    }

    /// As [`Database::wake`], for the subscribers in this process only. It costs no statement.
    pub fn wake_here(&self, topic: &str) {
        self.inner.wakeups.wake_here(topic);
    }

    /// Waits for [`WriteTransaction::wake_on_commit`] of `topic`, in this process and, on Postgres, in others.
    ///
    /// A wake-up between two waits is not lost. A wake-up of another process may be lost if the connection breaks, so
    /// subscribers also check from time to time.
    pub fn subscribe(&self, topic: &str) -> Subscription {
        Wakeups::subscribe(&self.inner.wakeups, topic)
    }

    /// As [`Database::subscribe`], for a topic that changes with every payment and is of interest only while somebody waits
    /// for it. Call it anew for each wait, of less than half a minute.
    ///
    /// Other processes tell only while a process follows, and a few times a second at most. One of them that has just
    /// started tells only after a while.
    pub fn follow(&self, topic: &str) -> Subscription {
        Wakeups::follow(&self.inner.wakeups, topic)
    }

    /// Wakes those who follow `topic` after a change that no transaction of this database has made.
    pub fn tell(&self, topic: &str) {
        self.inner.wakeups.tell(topic);
    }

    /// Says whether copies of data of `topic` are up to date: whether no transaction has announced a change
    /// ([`WriteTransaction::announce_on_commit`]), in this process or, on Postgres, in another.
    pub fn watch(&self, topic: &str) -> Watch {
        Wakeups::watch(&self.inner.wakeups, topic)
    }

    /// Commits deferred writes, then closes every connection. Later use fails.
    pub async fn close(&self) {
        deferred::flush(&self.inner).await;
        self.inner.deferred.ended().await;
        self.inner.wakeups.stop();
        if let Some(writes) = &self.inner.writes {
            writes.close().await;
        }
        if let Some(line) = &self.inner.line {
            line.rest().await;
        }
        for pool in [&self.inner.reader, &self.inner.writer] {
            // Closing a pool cannot fail. SeaORM's signature is for all its backends.
            let _ = pool.close_by_ref().await;
        }
    }
}

impl Drop for OpenDatabase {
    fn drop(&mut self) {
        self.wakeups.stop();
    }
}
