//! Reads a ledger in Postgres without writing to it, also while it is in use.

use clock::Timestamp;
use futures::TryStreamExt;
use ledger::{AccountId, AccountState, TransferId};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Connection, Executor, Row};
use uuid::Uuid;

use crate::VerifyError;
use crate::audit::Audit;

/// A connection whose reads all see the ledger as of its first one.
pub(crate) async fn snapshot(url: &str) -> Result<PgConnection, VerifyError> {
    let mut connection = PgConnection::connect(url).await?;
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    Ok(connection)
}

/// Shows everything there is to the audit, all as of one instant.
pub(crate) async fn read_all(url: &str, audit: &mut Audit) -> Result<(), VerifyError> {
    let mut connection = snapshot(url).await?;
    audit.indexed_through(u64::MAX);
    let mut rows = sqlx::query("SELECT seq, hash, record FROM ledger_journal ORDER BY seq").fetch(&mut connection);
    while let Some(row) = rows.try_next().await? {
        if !audit.row(number(&row, 0)?, row.try_get(1)?, row.try_get(2)?) {
            return Ok(());
        }
    }
    drop(rows);
    each(&mut connection, "SELECT seq, hash FROM ledger_head", |row| {
        audit.head_row(number(row, 0)?, row.try_get(1)?);
        Ok(())
    })
    .await?;
    each(&mut connection, "SELECT id, state FROM ledger_accounts", |row| {
        audit.account_row(account(row)?, AccountState::decode(row.try_get(1)?).ok().as_ref());
        Ok(())
    })
    .await?;
    each(&mut connection, "SELECT id, seq FROM ledger_transfer_ids", |row| {
        audit.id_row(TransferId::from(row.try_get::<Uuid, _>(0)?), number(row, 1)?);
        Ok(())
    })
    .await?;
    each(&mut connection, "SELECT pending, state FROM ledger_settlements", |row| {
        audit.settlement_row(number(row, 0)?, row.try_get::<i16, _>(1)?.into());
        Ok(())
    })
    .await?;
    each(&mut connection, "SELECT expires_at, pending FROM ledger_timeouts", |row| {
        audit.timeout_row(Timestamp::from_millis(row.try_get(0)?), number(row, 1)?);
        Ok(())
    })
    .await?;
    each(&mut connection, "SELECT account, ordinal, seq, timestamp FROM ledger_waypoints", |row| {
        let at = Timestamp::from_millis(row.try_get(3)?);
        audit.waypoint_row(account(row)?, number(row, 1)?, number(row, 2)?, at);
        Ok(())
    })
    .await
}

/// Calls `see` with every row of a query.
pub(crate) async fn each(
    connection: &mut PgConnection,
    query: &'static str,
    mut see: impl FnMut(&PgRow) -> Result<(), sqlx::Error>,
) -> Result<(), VerifyError> {
    let mut rows = sqlx::query(query).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        see(&row)?;
    }
    Ok(())
}

fn number(row: &PgRow, column: usize) -> Result<u64, sqlx::Error> {
    row.try_get::<i64, _>(column).map(i64::cast_unsigned)
}

fn account(row: &PgRow) -> Result<AccountId, sqlx::Error> {
    row.try_get::<Uuid, _>(0).map(AccountId::from)
}
