//! A database of a backup on its way into an empty one on a Postgres server, in one transaction.
//! Files are in `restoring`.

use std::path::Path;

use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor};
use tokio::fs::File;

use crate::RestoreError;
use crate::manifest::Table;
use crate::postgres::connect;
use crate::postgres_schema::{describe, quoted};

/// Two that restore into one database would wait for each other.
const LOCK: &str = "SELECT pg_try_advisory_xact_lock(7020586423421)";

/// A database with everything in it, and nothing committed.
pub(crate) struct Loaded {
    name: String,
    connection: PgConnection,
}

/// Fills an empty database, and compares what is there with the manifest.
pub(crate) async fn load(
    name: &str,
    url: &str,
    folder: &Path,
    tables: &[Table],
    finish: &[String],
) -> Result<Loaded, RestoreError> {
    let failed = |error: sqlx::Error| RestoreError::write(name, error);
    let mut connection = connect(url).await.map_err(|reason| RestoreError::write(name, reason))?;
    connection.execute("BEGIN").await.map_err(failed)?;
    let alone: bool = sqlx::query_scalar(LOCK).fetch_one(&mut connection).await.map_err(failed)?;
    if !alone {
        return Err(RestoreError::write(name, "another restore into it is under way"));
    }
    require_empty(name, &mut connection).await?;

    for table in tables {
        connection.execute(sqlx::AssertSqlSafe(table.create.clone())).await.map_err(failed)?;
    }
    for table in tables {
        let rows = copy_in(&mut connection, folder, table).await.map_err(|reason| RestoreError::write(name, reason))?;
        if rows != table.rows {
            let reason = format!("{} has {rows} rows, and had {}", table.name, table.rows);
            return Err(RestoreError::write(name, reason));
        }
    }
    for statement in finish {
        connection.execute(sqlx::AssertSqlSafe(statement.clone())).await.map_err(failed)?;
    }

    let made = describe(&mut connection).await.map_err(failed)?;
    let as_it_was = made.tables.len() == tables.len()
        && made.tables.iter().zip(tables).all(|(made, was)| made.name == was.name && made.create == was.create)
        && made.finish == finish;
    if !as_it_was {
        return Err(RestoreError::write(name, "the tables that were made are not those of the backup"));
    }
    Ok(Loaded { name: name.to_owned(), connection })
}

async fn require_empty(name: &str, connection: &mut PgConnection) -> Result<(), RestoreError> {
    let there = describe(connection).await.map_err(|error| RestoreError::write(name, error))?;
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

impl Loaded {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Keeps everything.
    pub(crate) async fn commit(&mut self) -> Result<(), String> {
        self.connection.execute("COMMIT").await.map_err(|error| error.to_string()).map(drop)
    }

    /// Ends the connection.
    pub(crate) async fn end(mut self) {
        // Without statistics the first queries are slow. They come by themselves later.
        let _ = self.connection.execute("ANALYZE").await;
        let _ = self.connection.close().await;
    }
}
