//! The speed of one durable row per payment and nothing else. No way of storing payments can be faster.
//! Real payments are measured in the files beside it.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clock::Stopwatch;
use payments_bench::Outcome;
use sqlx::{Connection, Executor, PgConnection};

/// The waiting times of all callers, one entry per row.
pub(crate) type Waits = Vec<Duration>;

/// One row per commit. All callers share one connection.
pub(crate) async fn sqlite(folder: &Path, callers: usize, limit: Duration) -> Outcome<Waits> {
    let file = folder.join(format!("bare-{callers}.db"));
    let connection = rusqlite::Connection::open(file)?;
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
    connection.execute_batch("CREATE TABLE bare (id INTEGER PRIMARY KEY, content BLOB NOT NULL)")?;
    let connection = Arc::new(Mutex::new(connection));

    let watch = Stopwatch::start();
    let all = (0..callers).map(|_| {
        let connection = Arc::clone(&connection);
        tokio::task::spawn_blocking(move || -> rusqlite::Result<Waits> {
            let mut waits = Vec::new();
            while watch.elapsed() < limit {
                let started = watch.elapsed();
                let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                connection.prepare_cached("INSERT INTO bare (content) VALUES (zeroblob(500))")?.execute([])?;
                drop(connection);
                waits.push(watch.elapsed().saturating_sub(started));
            }
            Ok(waits)
        })
    });

    let mut waits = Vec::new();
    for caller in all.collect::<Vec<_>>() {
        waits.extend(caller.await??);
    }
    Ok(waits)
}

/// One row per commit, with a connection for each caller.
pub(crate) async fn postgres(url: &str, callers: usize, limit: Duration) -> Outcome<Waits> {
    let mut connection = PgConnection::connect(url).await?;
    connection.execute("CREATE TABLE IF NOT EXISTS bare (id bigserial PRIMARY KEY, content bytea NOT NULL)").await?;

    let mut connections = Vec::new();
    for _ in 0..callers {
        connections.push(PgConnection::connect(url).await?);
    }

    let watch = Stopwatch::start();
    let all = connections.into_iter().map(|mut connection| {
        tokio::spawn(async move {
            let mut waits = Vec::new();
            while watch.elapsed() < limit {
                let started = watch.elapsed();
                let insert = sqlx::query("INSERT INTO bare (content) VALUES ($1)").bind([0u8; 500].as_slice());
                insert.execute(&mut connection).await?;
                waits.push(watch.elapsed().saturating_sub(started));
            }
            Ok::<Waits, sqlx::Error>(waits)
        })
    });

    let mut waits = Vec::new();
    for caller in all.collect::<Vec<_>>() {
        waits.extend(caller.await??);
    }
    Ok(waits)
}
