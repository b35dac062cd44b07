//! A database as of one instant, for reading all of it while others write.
//!
//! It holds a connection and, on SQLite, keeps the write-ahead log from shrinking. So it is for commands, not for roles.

use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseTransaction, IsolationLevel, QueryResult, Statement, TransactionOptions, Value,
};

use crate::whole::begin_whole;
use crate::{BulkTable, Database, Dialect, Error};

/// A database as of one instant.
#[derive(Debug)]
pub struct Snapshot {
    transaction: DatabaseTransaction,
    dialect: Dialect,
}

impl Database {
    /// Everything that is read through the snapshot is as of now.
    pub async fn snapshot(&self) -> Result<Snapshot, Error> {
        let dialect = self.dialect();
        let options = match dialect {
            Dialect::Sqlite => TransactionOptions::default(),
            Dialect::Postgres => TransactionOptions {
                isolation_level: Some(IsolationLevel::RepeatableRead),
                access_mode: Some(AccessMode::ReadOnly),
                ..TransactionOptions::default()
            },
        };
        let snapshot = Snapshot { transaction: begin_whole(self.reader(), options).await?, dialect };
        // The instant is that of the first read of a table.
        let first = match dialect {
            Dialect::Sqlite => "SELECT count(*) FROM sqlite_schema",
            Dialect::Postgres => "SELECT count(*) FROM pg_class",
        };
        snapshot.bulk_query(first, []).await?;
        Ok(snapshot)
    }
}

impl Snapshot {
    /// The SQL dialect.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The rows of a query.
    pub async fn bulk_query(
        &self,
        sql: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<QueryResult>, Error> {
        let backend = self.transaction.get_database_backend();
        Ok(self.transaction.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await?)
    }

    /// At most `limit` rows of the table as JSON objects, ordered by key, beginning after the key values in `after`.
    pub async fn bulk_page(&self, table: &BulkTable, after: Option<&str>, limit: u32) -> Result<Vec<String>, Error> {
        let (sql, values) = table.page(after, limit);
        let rows = self.bulk_query(&sql, values).await?;
        rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
    }

    /// Ends it.
    pub async fn close(self) -> Result<(), Error> {
        Ok(self.transaction.rollback().await?)
    }
}
