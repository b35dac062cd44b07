//! Reads a ledger's SQLite file without writing to it, also while it is in use.
//! The same for a server is in `postgres`; what is checked is in `audit` and `scan`.

use std::collections::{HashMap, HashSet};

use clock::Timestamp;
use ledger::{AccountId, AccountState, TransferId};
use rusqlite::{Connection, OpenFlags, Row, ToSql};

use crate::audit::Audit;
use crate::error::VerifyError;
use crate::evidence::Evidence;
use crate::rows::{JournalRow, Rows, Waypoint};

/// Opens the file for reading.
fn open(path: &str) -> Result<Connection, VerifyError> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    Ok(connection)
}

/// Reads the whole ledger at one instant, for the audit.
pub(crate) fn read_all(path: &str, audit: &mut Audit) -> Result<(), VerifyError> {
    let mut evidence = Evidence::open(path)?;
    let snapshot = evidence.connection.transaction()?;
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
fn number(row: &Row<'_>, column: usize) -> u64 {
    row.get_ref(column).ok().and_then(|value| value.as_i64().ok()).unwrap_or_default().cast_unsigned()
}

fn instant(row: &Row<'_>, column: usize) -> Timestamp {
    Timestamp::from_millis(number(row, column).cast_signed())
}

/// Calls `see` with every row of a query.
fn each(
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
fn octets<'row>(row: &'row Row<'_>, column: usize) -> &'row [u8] {
    row.get_ref(column).ok().and_then(|value| value.as_blob().ok()).unwrap_or_default()
}

/// The id in the first column; 0, which names nothing, if there is none.
fn id(row: &Row<'_>) -> u128 {
    octets(row, 0).try_into().map(u128::from_be_bytes).unwrap_or_default()
}

/// A view of the file at the instant of the first read.
pub(crate) struct SqliteRows {
    connection: Connection,
}

impl SqliteRows {
    pub(crate) fn open(path: &str) -> Result<Self, VerifyError> {
        let connection = open(path)?;
        connection.execute_batch("BEGIN")?;
        Ok(Self { connection })
    }

    /// There is at most one row for each key.
    fn by_key<K: ToSql, T>(
        &self,
        query: &str,
        keys: impl IntoIterator<Item = K>,
        mut see: impl FnMut(usize, &Row<'_>) -> T,
    ) -> Result<Vec<T>, VerifyError> {
        let mut statement = self.connection.prepare_cached(query)?;
        let mut found = Vec::new();
        for (place, key) in keys.into_iter().enumerate() {
            if let Some(row) = statement.query([key])?.next()? {
                found.push(see(place, row));
            }
        }
        Ok(found)
    }

    fn journal_rows(&self, query: &str, bounds: &[&dyn ToSql]) -> Result<Vec<JournalRow>, VerifyError> {
        let mut statement = self.connection.prepare_cached(query)?;
        let mut rows = statement.query(bounds)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(JournalRow {
                seq: number(row, 0),
                hash: octets(row, 1).to_vec(),
                record: octets(row, 2).to_vec(),
            });
        }
        Ok(found)
    }
}

impl Rows for SqliteRows {
    async fn journal(&mut self, from: u64, limit: u32) -> Result<Vec<JournalRow>, VerifyError> {
        let query = "SELECT seq, hash, record FROM journal WHERE seq >= ?1 ORDER BY seq LIMIT ?2";
        self.journal_rows(query, &[&from.cast_signed(), &limit])
    }

    async fn last(&mut self) -> Result<Option<JournalRow>, VerifyError> {
        let query = "SELECT seq, hash, record FROM journal ORDER BY seq DESC LIMIT 1";
        Ok(self.journal_rows(query, &[])?.pop())
    }

    async fn head(&mut self) -> Result<Option<(u64, Vec<u8>)>, VerifyError> {
        Ok(None)
    }

    async fn records(&mut self, seqs: &[u64]) -> Result<HashMap<u64, Vec<u8>>, VerifyError> {
        let keys = seqs.iter().map(|seq| seq.cast_signed());
        let found = self.by_key("SELECT record FROM journal WHERE seq = ?1", keys, |place, row| {
            (seqs[place], octets(row, 0).to_vec())
        })?;
        Ok(found.into_iter().collect())
    }

    async fn accounts_after(&mut self, after: AccountId, limit: u32) -> Result<Vec<(AccountId, Vec<u8>)>, VerifyError> {
        let mut statement =
            self.connection.prepare_cached("SELECT id, state FROM accounts WHERE id > ?1 ORDER BY id LIMIT ?2")?;
        let mut rows = statement.query((after.as_u128().to_be_bytes(), limit))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push((AccountId::from_u128(id(row)), octets(row, 1).to_vec()));
        }
        Ok(found)
    }

    async fn accounts(&mut self, ids: &[AccountId]) -> Result<HashMap<AccountId, Vec<u8>>, VerifyError> {
        let keys = ids.iter().map(|id| id.as_u128().to_be_bytes());
        let found = self.by_key("SELECT state FROM accounts WHERE id = ?1", keys, |place, row| {
            (ids[place], octets(row, 0).to_vec())
        })?;
        Ok(found.into_iter().collect())
    }

    async fn indexed_through(&mut self) -> Result<u64, VerifyError> {
        Ok(self.connection.query_row("SELECT through FROM indexed", [], |row| Ok(number(row, 0)))?)
    }

    async fn transfer_ids(&mut self, ids: &[TransferId]) -> Result<HashMap<TransferId, u64>, VerifyError> {
        let keys = ids.iter().map(|id| id.as_u128().to_be_bytes());
        let found =
            self.by_key("SELECT seq FROM transfer_ids WHERE id = ?1", keys, |place, row| (ids[place], number(row, 0)))?;
        Ok(found.into_iter().collect())
    }

    async fn settlements(&mut self, pending: &[u64]) -> Result<HashMap<u64, i64>, VerifyError> {
        let keys = pending.iter().map(|seq| seq.cast_signed());
        let found = self.by_key("SELECT state FROM settlements WHERE pending = ?1", keys, |place, row| {
            (pending[place], number(row, 0).cast_signed())
        })?;
        Ok(found.into_iter().collect())
    }

    async fn timeouts(&mut self, wanted: &[(Timestamp, u64)]) -> Result<HashSet<(Timestamp, u64)>, VerifyError> {
        let mut statement =
            self.connection.prepare_cached("SELECT 1 FROM timeouts WHERE expires_at = ?1 AND pending = ?2")?;
        let mut found = HashSet::new();
        for (at, pending) in wanted {
            if statement.exists((at.as_millis(), pending.cast_signed()))? {
                found.insert((*at, *pending));
            }
        }
        Ok(found)
    }

    async fn waypoints(&mut self, wanted: &[Waypoint]) -> Result<HashMap<Waypoint, (u64, Timestamp)>, VerifyError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT seq, timestamp FROM waypoints WHERE account = ?1 AND ordinal = ?2")?;
        let mut found = HashMap::new();
        for (account, ordinal) in wanted {
            let mut rows = statement.query((account.as_u128().to_be_bytes(), ordinal.cast_signed()))?;
            if let Some(row) = rows.next()? {
                found.insert((*account, *ordinal), (number(row, 0), instant(row, 1)));
            }
        }
        Ok(found)
    }
}
