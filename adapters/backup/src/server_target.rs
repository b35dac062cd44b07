//! A database on a Postgres server that another one is restored into: marked, filled in one transaction, and freed of the
//! mark. Files are in `file_target`.

use std::path::Path;

use database::RESTORE_MARK;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor};
use tokio::fs::File;

use crate::RestoreError;
use crate::manifest::Table;
use crate::postgres::connect;
use crate::postgres_schema::{Described, describe, quoted};

/// Two that restore into one database would wait for each other. The lock ends with the connection.
const LOCK: &str = "SELECT pg_try_advisory_lock(7020586423421)";

/// A marked database.
pub(crate) struct ServerTarget {
    name: String,
    connection: PgConnection,
}

impl ServerTarget {
    /// Marks an empty database, or one that an earlier try has marked and not filled.
    pub(crate) async fn mark(name: &str, url: &str, backup: &Path) -> Result<Self, RestoreError> {
        let failed = |error: sqlx::Error| RestoreError::write(name, error);
        let mut connection = connect(url).await.map_err(|reason| RestoreError::write(name, reason))?;
        let alone: bool = sqlx::query_scalar(LOCK).fetch_one(&mut connection).await.map_err(failed)?;
        if !alone {
            return Err(RestoreError::write(name, "another restore into it is under way"));
        }
        require_empty(name, &mut connection).await?;

        let mark = format!("CREATE TABLE IF NOT EXISTS {RESTORE_MARK} (backup text NOT NULL)");
        connection.execute(sqlx::AssertSqlSafe(mark)).await.map_err(failed)?;
        let tell = sqlx::query(sqlx::AssertSqlSafe(format!("INSERT INTO {RESTORE_MARK} VALUES ($1)")));
        tell.bind(backup.display().to_string()).execute(&mut connection).await.map_err(failed)?;
        Ok(Self { name: name.to_owned(), connection })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Fills the database in a transaction that stays open, and compares what is there with the manifest.
    pub(crate) async fn write(
        &mut self,
        folder: &Path,
        tables: &[Table],
        finish: &[String],
    ) -> Result<(), RestoreError> {
        let (name, connection) = (&self.name, &mut self.connection);
        let failed = |error: sqlx::Error| RestoreError::write(name, error);
        connection.execute("BEGIN").await.map_err(failed)?;
        for table in tables {
            connection.execute(sqlx::AssertSqlSafe(table.create.clone())).await.map_err(failed)?;
        }
        for table in tables {
            let rows = copy_in(connection, folder, table).await.map_err(|reason| RestoreError::write(name, reason))?;
            if rows != table.rows {
                let reason = format!("{} has {rows} rows, and had {}", table.name, table.rows);
                return Err(RestoreError::write(name, reason));
            }
        }
        for statement in finish {
            connection.execute(sqlx::AssertSqlSafe(statement.clone())).await.map_err(failed)?;
        }

        let made = unmarked(connection).await.map_err(failed)?;
        let as_it_was = made.tables.len() == tables.len()
            && made.tables.iter().zip(tables).all(|(made, was)| made.name == was.name && made.create == was.create)
            && made.finish == finish;
        if !as_it_was {
            return Err(RestoreError::write(name, "the tables that were made are not those of the backup"));
        }
        Ok(())
    }

    /// Keeps what was written. The mark stays.
    pub(crate) async fn commit(&mut self) -> Result<(), String> {
        self.connection.execute("COMMIT").await.map_err(|error| error.to_string()).map(drop)
    }

    pub(crate) async fn remove_mark(&mut self) -> Result<(), String> {
        let dropped = self.connection.execute(sqlx::AssertSqlSafe(format!("DROP TABLE {RESTORE_MARK}"))).await;
        dropped.map_err(|error| error.to_string()).map(drop)
    }

    /// Leaves the database as it was. If the server does not answer, the mark stays, which the next restore accepts.
    pub(crate) async fn give_up(mut self) {
        if self.connection.execute("ROLLBACK").await.is_ok() {
            let _ = self.remove_mark().await;
        }
        let _ = self.connection.close().await;
    }

    /// Ends the connection.
    pub(crate) async fn end(mut self) {
        // Without statistics the first queries are slow. They come by themselves later.
        let _ = self.connection.execute("ANALYZE").await;
        let _ = self.connection.close().await;
    }
}

/// The tables beside the mark.
async fn unmarked(connection: &mut PgConnection) -> Result<Described, sqlx::Error> {
    let mut there = describe(connection).await?;
    there.tables.retain(|table| table.name != RESTORE_MARK);
    Ok(there)
}

async fn require_empty(name: &str, connection: &mut PgConnection) -> Result<(), RestoreError> {
    let there = unmarked(connection).await.map_err(|error| RestoreError::write(name, error))?;
    let first = there.tables.into_iter().map(|table| format!("the table {}", table.name)).chain(there.strangers).next();
    match first {
        None => Ok(()),
        Some(what) => {
            let reason = format!("it has {what}; make a new database (`createdb`) and name that one");
            Err(RestoreError::NotEmpty { name: name.to_owned(), reason })
        }
    }
}

async fn copy_in(connection: &mut PgConnection, folder: &Path, table: &Table) -> Result<u64, String> {
    let file = File::open(folder.join(&table.file.path)).await.map_err(|error| error.to_string())?;
    let columns: Vec<_> = table.columns.iter().map(|column| quoted(column)).collect();
    let statement = format!("COPY {} ({}) FROM STDIN", quoted(&table.name), columns.join(", "));
    let mut copy = connection.copy_in_raw(&statement).await.map_err(|error| error.to_string())?;
    copy.read_from(file).await.map_err(|error| error.to_string())?;
    copy.finish().await.map_err(|error| error.to_string())
}
