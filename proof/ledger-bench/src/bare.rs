//! The speed of the disk alone, and of the databases with one transfer per transaction.
//!
//! The bare transfer is minimal: two rows are written, two balances are updated, and there is no journal.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clock::{Entropy, Stopwatch, SystemEntropy};
use sqlx::{Connection, Executor, PgConnection};

use crate::load::{Figures, figures};
use ledger_bench::Outcome;

const TABLES: &str = "
CREATE TABLE bare_accounts (id int PRIMARY KEY, pending bigint NOT NULL, posted bigint NOT NULL);
CREATE TABLE bare_transfers (id varchar PRIMARY KEY, amount bigint NOT NULL, posted boolean NOT NULL);
INSERT INTO bare_accounts VALUES (1, 0, 0), (2, 0, 0);
";
const HOLD: [&str; 3] = [
    "UPDATE bare_accounts SET pending = pending + 1 WHERE id = 1",
    "UPDATE bare_accounts SET pending = pending + 1 WHERE id = 2",
    "INSERT INTO bare_transfers VALUES ($1, 1, false)",
];
const POST: [&str; 3] = [
    "UPDATE bare_accounts SET pending = pending - 1, posted = posted + 1 WHERE id = 1",
    "UPDATE bare_accounts SET pending = pending - 1, posted = posted + 1 WHERE id = 2",
    "UPDATE bare_transfers SET posted = true WHERE id = $1",
];

/// A file with durable appends.
pub(crate) struct Disk {
    file: File,
    end: u64,
}

impl Disk {
    pub(crate) fn new(folder: &Path) -> Outcome<Self> {
        Ok(Self { file: File::create(folder.join("disk"))?, end: 0 })
    }

    /// Average microseconds for appending and syncing 4 KiB now.
    pub(crate) fn sync_us(&mut self) -> Outcome<f64> {
        let (watch, limit) = (Stopwatch::start(), Duration::from_millis(500));
        let mut commits = 0;
        while watch.elapsed() < limit {
            self.file.write_all_at(&[1; 4096], self.end)?;
            self.file.sync_data()?;
            (self.end, commits) = (self.end + 4096, commits + 1);
        }
        Ok(watch.elapsed().as_secs_f64() * 1e6 / f64::from(commits))
    }
}

/// One row inserted per commit by one caller; a pair is two commits.
pub(crate) fn sqlite_row(path: &Path, seconds: u64) -> Outcome<Figures> {
    let connection = rusqlite::Connection::open(path)?;
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
    connection.execute_batch("CREATE TABLE bare_row (id INTEGER PRIMARY KEY, content BLOB NOT NULL)")?;
    let mut insert = connection.prepare("INSERT INTO bare_row (content) VALUES (zeroblob(240))")?;
    let (watch, limit) = (Stopwatch::start(), Duration::from_secs(seconds));
    let mut waits = Vec::new();
    while watch.elapsed() < limit {
        let started = watch.elapsed();
        insert.execute([])?;
        insert.execute([])?;
        waits.push(watch.elapsed().saturating_sub(started));
    }
    Ok(figures(waits, watch.elapsed()))
}

/// The same on Postgres.
pub(crate) async fn postgres_row(url: &str, seconds: u64) -> Outcome<Figures> {
    let mut connection = PgConnection::connect(url).await?;
    connection.execute("DROP TABLE IF EXISTS bare_row").await?;
    connection.execute("CREATE TABLE bare_row (id bigserial PRIMARY KEY, content bytea NOT NULL)").await?;
    let (watch, limit) = (Stopwatch::start(), Duration::from_secs(seconds));
    let mut waits = Vec::new();
    while watch.elapsed() < limit {
        let started = watch.elapsed();
        for _ in 0..2 {
            let insert = sqlx::query("INSERT INTO bare_row (content) VALUES ($1)").bind([0u8; 240].as_slice());
            insert.execute(&mut connection).await?;
        }
        waits.push(watch.elapsed().saturating_sub(started));
    }
    Ok(figures(waits, watch.elapsed()))
}

/// Holds and posts on one SQLite connection, as durable as the ledger's.
pub(crate) async fn sqlite(path: &Path, callers: usize, seconds: u64) -> Outcome<Figures> {
    let connection = rusqlite::Connection::open(path)?;
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
    connection.execute_batch(TABLES)?;
    let connection = Arc::new(Mutex::new(connection));

    let (watch, limit) = (Stopwatch::start(), Duration::from_secs(seconds));
    let callers = (0..callers).map(|_| {
        let connection = Arc::clone(&connection);
        tokio::task::spawn_blocking(move || -> rusqlite::Result<Vec<Duration>> {
            let mut waits = Vec::new();
            while watch.elapsed() < limit {
                let id = SystemEntropy.uuid().to_string();
                let started = watch.elapsed();
                for step in [HOLD, POST] {
                    let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                    let transaction = connection.transaction()?;
                    transaction.prepare_cached(step[0])?.execute([])?;
                    transaction.prepare_cached(step[1])?.execute([])?;
                    transaction.prepare_cached(step[2])?.execute([&id])?;
                    transaction.commit()?;
                }
                waits.push(watch.elapsed().saturating_sub(started));
            }
            Ok(waits)
        })
    });

    let mut waits = Vec::new();
    for caller in callers.collect::<Vec<_>>() {
        waits.extend(caller.await??);
    }
    Ok(figures(waits, watch.elapsed()))
}

/// Holds and posts, with one connection per caller.
pub(crate) async fn postgres(url: &str, callers: usize, seconds: u64) -> Outcome<Figures> {
    let mut connection = PgConnection::connect(url).await?;
    connection.execute("DROP TABLE IF EXISTS bare_accounts, bare_transfers").await?;
    connection.execute(TABLES).await?;
    let mut connections = Vec::new();
    for _ in 0..callers {
        connections.push(PgConnection::connect(url).await?);
    }
    let (watch, limit) = (Stopwatch::start(), Duration::from_secs(seconds));
    let callers = connections.into_iter().map(|connection| tokio::spawn(postgres_caller(connection, watch, limit)));
    let mut waits = Vec::new();
    for caller in callers.collect::<Vec<_>>() {
        waits.extend(caller.await??);
    }
    Ok(figures(waits, watch.elapsed()))
}

async fn postgres_caller(
    mut connection: PgConnection,
    watch: Stopwatch,
    limit: Duration,
) -> Result<Vec<Duration>, sqlx::Error> {
    let mut waits = Vec::new();
    while watch.elapsed() < limit {
        let id = SystemEntropy.uuid().to_string();
        let started = watch.elapsed();
        for step in [HOLD, POST] {
            let mut transaction = connection.begin().await?;
            sqlx::query(step[0]).execute(&mut *transaction).await?;
            sqlx::query(step[1]).execute(&mut *transaction).await?;
            sqlx::query(step[2]).bind(&id).execute(&mut *transaction).await?;
            transaction.commit().await?;
        }
        waits.push(watch.elapsed().saturating_sub(started));
    }
    Ok(waits)
}
