//! The sums over all accounts. They are read over a connection of their own, so commits go on meanwhile.
//!
//! One statement sees one state of the database, so the sums are of one instant. What the sums must be is checked in
//! `ledger-verify`.

use futures::TryStreamExt;
use ledger::Totals;
use rusqlite::{Connection, OpenFlags};
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Row};

use crate::sqlite::file_of;
use crate::store::{StoreError, decode_account};

/// Sums what is committed in the ledger at `url`.
pub(crate) async fn read(url: &str) -> Result<Totals, StoreError> {
    let Some(place) = url.strip_prefix("sqlite:") else { return read_postgres(url).await };
    let path = file_of(place).to_owned();
    if path == ":memory:" {
        return Err(StoreError::Unavailable("a ledger in memory has one connection, and sums need another".to_owned()));
    }
    let reading = tokio::task::spawn_blocking(move || read_sqlite(&path)).await;
    reading.map_err(|error| StoreError::Unavailable(error.to_string()))?
}

fn read_sqlite(path: &str) -> Result<Totals, StoreError> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut statement = connection.prepare("SELECT state FROM accounts")?;
    let mut rows = statement.query([])?;
    let mut totals = Totals::at_one_instant();
    while let Some(row) = rows.next()? {
        totals.add(&decode_account(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?.account);
    }
    Ok(totals)
}

async fn read_postgres(url: &str) -> Result<Totals, StoreError> {
    let mut connection = PgConnection::connect(url).await?;
    let mut totals = Totals::at_one_instant();
    let mut rows = sqlx::query("SELECT state FROM ledger_accounts").fetch(&mut connection);
    while let Some(row) = rows.try_next().await? {
        totals.add(&decode_account(row.try_get(0)?)?.account);
    }
    drop(rows);
    connection.close().await?;
    Ok(totals)
}
