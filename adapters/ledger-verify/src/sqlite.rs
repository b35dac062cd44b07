//! Reads a ledger's SQLite file without writing to it, also while it is in use.

use clock::Timestamp;
use ledger::{AccountId, AccountState, TransferId};
use rusqlite::{Connection, OpenFlags, Row};

use crate::VerifyError;
use crate::audit::Audit;

/// Opens the file for reading.
pub(crate) fn open(path: &str) -> Result<Connection, VerifyError> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    Ok(connection)
}

/// Shows everything there is to the audit, all as of one instant.
pub(crate) fn read_all(path: &str, audit: &mut Audit) -> Result<(), VerifyError> {
    let mut connection = open(path)?;
    let snapshot = connection.transaction()?;
    audit.indexed_through(snapshot.query_row("SELECT through FROM indexed", [], |row| row.get(0))?);
    let mut journal = snapshot.prepare("SELECT seq, hash, record FROM journal ORDER BY seq")?;
    let mut rows = journal.query([])?;
    while let Some(row) = rows.next()? {
        if !audit.row(number(row, 0), octets(row, 1), octets(row, 2)) {
            return Ok(());
        }
    }
    each(&snapshot, "SELECT id, state FROM accounts", |row| {
        audit.account_row(AccountId::from_u128(id(row)), AccountState::decode(octets(row, 1)).ok().as_ref());
        Ok(())
    })?;
    each(&snapshot, "SELECT id, seq FROM transfer_ids", |row| {
        audit.id_row(TransferId::from_u128(id(row)), number(row, 1));
        Ok(())
    })?;
    each(&snapshot, "SELECT pending, state FROM settlements", |row| {
        audit.settlement_row(number(row, 0), number(row, 1).cast_signed());
        Ok(())
    })?;
    each(&snapshot, "SELECT expires_at, pending FROM timeouts", |row| {
        audit.timeout_row(instant(row, 0), number(row, 1));
        Ok(())
    })?;
    each(&snapshot, "SELECT account, ordinal, seq, timestamp FROM waypoints", |row| {
        let account = AccountId::from_u128(id(row));
        audit.waypoint_row(account, number(row, 1), number(row, 2), instant(row, 3));
        Ok(())
    })
}

/// A column's integer; 0, which no rule accepts, if it holds something else.
pub(crate) fn number(row: &Row<'_>, column: usize) -> u64 {
    row.get_ref(column).ok().and_then(|value| value.as_i64().ok()).unwrap_or_default().cast_unsigned()
}

fn instant(row: &Row<'_>, column: usize) -> Timestamp {
    Timestamp::from_millis(number(row, column).cast_signed())
}

/// Calls `see` with every row of a query.
pub(crate) fn each(
    connection: &Connection,
    query: &str,
    mut see: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
) -> Result<(), VerifyError> {
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        see(row)?;
    }
    Ok(())
}

/// A column's octets; none if it holds something else, which no rule accepts.
pub(crate) fn octets<'row>(row: &'row Row<'_>, column: usize) -> &'row [u8] {
    row.get_ref(column).ok().and_then(|value| value.as_blob().ok()).unwrap_or_default()
}

/// The id in the first column; 0, which names nothing, if there is none.
pub(crate) fn id(row: &Row<'_>) -> u128 {
    octets(row, 0).try_into().map(u128::from_be_bytes).unwrap_or_default()
}
