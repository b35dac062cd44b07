//! Opening the pools behind a `Database`, from its URL.
//! Migrations are in `migrate`; why a server cannot be reached is in `unreachable`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::DatabaseConnection;
use sea_orm::sqlx::postgres::PgPoolOptions;
use sea_orm::sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sea_orm::sqlx::{self, ConnectOptions, Connection};

use crate::contents::server_connection;
use crate::deferred::DeferredWrites;
use crate::error::is_in_the_way;
use crate::shared::Shared;
use crate::sqlite_line::{BetweenUnits, SqliteLine};
use crate::sqlite_writer::{Opening, PAGES_IN_LOG, SqliteWriter};
use crate::wake::Wakeups;
use crate::{Database, Dialect, Durability, Error, OpenDatabase, Options, Unreachable};

pub(crate) async fn connect(url: &str, options: &Options) -> Result<Database, Error> {
    let scheme = url.split(':').next().unwrap_or_default();
    match scheme {
        "sqlite" => sqlite(url, options).await,
        "postgres" | "postgresql" => postgres(url, options).await,
        _ => Err(Unreachable::UnknownScheme.into()),
    }
}

/// An idle connection costs a thread on SQLite and a process on Postgres.
const IDLE: Duration = Duration::from_mins(2);
/// The pause before a locked file is tried again.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(10);
/// Readers find pages that were read before in the memory of the operating system. A negative number is in KiB
/// (<https://sqlite.org/pragma.html#pragma_cache_size>).
const READER_CACHE: &str = "-1024";
/// How many statements a connection keeps prepared. Combined writes make many different statements.
const STATEMENTS: usize = 400;

async fn sqlite(url: &str, options: &Options) -> Result<Database, Error> {
    let in_memory = url.contains(":memory:");
    let connection: SqliteConnectOptions =
        url.parse().map_err(|error: sqlx::Error| Unreachable::Url { reason: error.to_string() })?;
    let file = connection.get_filename().display().to_string();
    let failed = |error: sqlx::Error| Unreachable::sqlite(&file, &error);

    let mut connection = connection
        .create_if_missing(true)
        .foreign_keys(true)
        .busy_timeout(options.busy_timeout)
        .synchronous(match options.durability {
            Durability::PowerLoss => SqliteSynchronous::Full,
            Durability::ProcessEnd => SqliteSynchronous::Normal,
        })
        .pragma("cache_size", format!("-{}", options.sqlite_writer_cache))
        .pragma("temp_store", "memory")
        .pragma("journal_size_limit", "16777216")
        .pragma("wal_autocheckpoint", PAGES_IN_LOG.to_string())
        .statement_cache_capacity(STATEMENTS)
        .disable_statement_logging();

    let pool = SqlitePoolOptions::new()
        .acquire_timeout(options.acquire_timeout)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None);

    if in_memory {
        let both = pool.min_connections(1).max_connections(1).connect_with(connection).await;
        let both = both.map_err(failed)?;
        // Readers need this only connection too, so it is given back whenever no transaction is open.
        let line = SqliteLine::new(both.clone(), BetweenUnits::ReleasesConnection);
        let both = DatabaseConnection::from(both);
        return Ok(database(Dialect::Sqlite, both.clone(), both, Some(line), None, Wakeups::local()));
    }

    create_folder(connection.get_filename())?;
    connection = connection.journal_mode(SqliteJournalMode::Wal);

    // The writer is opened first. It creates the file that the readers open read-only.
    let alone = pool.clone().min_connections(1).max_connections(1);
    let writer = open_when_free(&alone, &connection, options.busy_timeout).await.map_err(failed)?;
    let line = SqliteLine::new(writer.clone(), BetweenUnits::KeepsConnection);
    let writer = DatabaseConnection::from(writer);
    let opening = Opening {
        file: connection.get_filename().to_owned(),
        busy_timeout: options.busy_timeout,
        durability: options.durability,
        cache: options.sqlite_writer_cache,
        statements: STATEMENTS,
    };
    let writes = SqliteWriter::new(Arc::clone(&line), opening);

    let readers = pool.max_connections(options.sqlite_readers.max(1)).idle_timeout(IDLE);
    let reading = connection.read_only(true).pragma("cache_size", READER_CACHE);
    let reader = DatabaseConnection::from(readers.connect_lazy_with(reading));
    Ok(database(Dialect::Sqlite, reader, writer, Some(line), Some(writes), Wakeups::local()))
}

/// Opens the file, and tries again while another process holds its lock, with pauses of `patience` in all.
///
/// SQLite itself does not wait here: the change to the write-ahead log turns a read into a write, and SQLite refuses
/// that at once if another connection writes (<https://sqlite.org/c3ref/busy_handler.html>).
async fn open_when_free(
    pool: &SqlitePoolOptions,
    connection: &SqliteConnectOptions,
    patience: Duration,
) -> Result<SqlitePool, sqlx::Error> {
    repeat_while(is_in_the_way, patience, async || pool.clone().connect_with(connection.clone()).await).await
}

/// The first result that is no error which `passes`, or the last one when the pauses between attempts add up to `patience`.
async fn repeat_while<T, E>(
    passes: impl Fn(&E) -> bool,
    patience: Duration,
    mut attempt: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T, E> {
    let mut waited = Duration::ZERO;
    loop {
        match attempt().await {
            Err(error) if passes(&error) && waited < patience => {
                tokio::time::sleep(BETWEEN_ATTEMPTS).await;
                waited += BETWEEN_ATTEMPTS;
            }
            ended => return ended,
        }
    }
}

fn create_folder(file: &Path) -> Result<(), Error> {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => std::fs::create_dir_all(folder)
            .map_err(|source| Error::Folder { folder: folder.display().to_string(), source }),
        _ => Ok(()),
    }
}

async fn postgres(url: &str, options: &Options) -> Result<Database, Error> {
    // The pool repeats a failed first attempt until its time is over. This single attempt gives the reason at once.
    let (first, connection) = server_connection(url).await?;
    let connection = connection.statement_cache_capacity(STATEMENTS);
    let connection = match options.durability {
        Durability::PowerLoss => connection,
        // Commits of these connections do not wait for the disk of the server
        // (<https://www.postgresql.org/docs/current/wal-async-commit.html>).
        Durability::ProcessEnd => connection.options([("synchronous_commit", "off")]),
    };
    let _ = first.close().await;

    let pool = PgPoolOptions::new()
        .max_connections(options.postgres_connections.max(2))
        .acquire_timeout(options.acquire_timeout)
        .idle_timeout(IDLE)
        // A ping before every use would double the round trips. Only a connection that was idle is checked.
        .test_before_acquire(false)
        .before_acquire(|connection, rest| {
            Box::pin(async move {
                if rest.idle_for > Duration::from_secs(20) {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_with(connection.clone())
        .await
        .map_err(|error| Unreachable::postgres(&connection, &error))?;

    let wakeups = Wakeups::across_processes(pool.clone(), connection);
    let both = DatabaseConnection::from(pool);
    Ok(database(Dialect::Postgres, both.clone(), both, None, None, wakeups))
}

fn database(
    dialect: Dialect,
    reader: DatabaseConnection,
    writer: DatabaseConnection,
    line: Option<Arc<SqliteLine>>,
    writes: Option<Arc<SqliteWriter>>,
    wakeups: Wakeups,
) -> Database {
    let (deferred, shared) = (DeferredWrites::default(), Shared::default());
    let inner = OpenDatabase { dialect, reader, writer, line, writes, deferred, wakeups: Arc::new(wakeups), shared };
    Database { inner: Arc::new(inner) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCKED: &str = "locked";

    async fn after(refusals: u32, error: &'static str) -> (Result<(), &'static str>, u32) {
        let mut attempts = 0;
        let ended = repeat_while(
            |error| *error == LOCKED,
            BETWEEN_ATTEMPTS * 3,
            async || {
                attempts += 1;
                if attempts <= refusals { Err(error) } else { Ok(()) }
            },
        )
        .await;
        (ended, attempts)
    }

    #[tokio::test]
    async fn a_locked_file_is_tried_again_until_it_is_free_or_patience_ends() {
        assert_eq!(after(0, LOCKED).await, (Ok(()), 1));
        assert_eq!(after(3, LOCKED).await, (Ok(()), 4));
        assert_eq!(after(9, LOCKED).await, (Err(LOCKED), 4));
        assert_eq!(after(1, "no such folder").await, (Err("no such folder"), 1));
    }
}
