//! The ledger in a SQLite file that one process owns.
//!
//! A write-ahead log with a full sync per commit: what was answered survives a loss of power. Several processes need
//! `postgres`.

mod id_filter;
mod ids;
mod lock;

use std::path::Path;
use std::time::Duration;

use clock::{Stopwatch, Timestamp};
use ledger::{AccountId, AccountState, Entry, GENESIS, Head, Recorded, TransferId};
use rusqlite::{Connection, OptionalExtension, params};

use crate::changes::{Changes, StoredHead};
use crate::sqlite::ids::IdIndex;
use crate::sqlite::lock::FileLock;
use crate::store::{Store, StoreError, decode, decode_account, entry_before, recorded, state_code};
use crate::{LAYOUT, OpenLedgerError, require_known};

/// The tables. Integers of 128 bits are blobs, big endian.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS journal (seq INTEGER PRIMARY KEY, hash BLOB NOT NULL, record BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS accounts (id BLOB PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS transfer_ids (id BLOB PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS indexed (one INTEGER PRIMARY KEY CHECK (one = 1), through INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS settlements (pending INTEGER PRIMARY KEY, state INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS timeouts (expires_at INTEGER, pending INTEGER, PRIMARY KEY (expires_at, pending)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS waypoints (
    account BLOB, ordinal INTEGER, seq INTEGER NOT NULL, timestamp INTEGER NOT NULL, PRIMARY KEY (account, ordinal)
) WITHOUT ROWID;
INSERT OR IGNORE INTO indexed VALUES (1, 0);
";
/// Where the version of the layout is.
const KEEP_LAYOUT: &str = "
CREATE TABLE IF NOT EXISTS ledger_layout (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL)";

/// Durability comes first. The cache size is an upper bound and is not reserved.
const SETTINGS: &str = "
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA cache_size = -65536;
PRAGMA wal_autocheckpoint = 4096;
PRAGMA journal_size_limit = 67108864;
PRAGMA busy_timeout = 5000;
";

pub(crate) struct SqliteStore {
    connection: Connection,
    ids: IdIndex,
    /// The open transaction has written something that must not be committed.
    tainted: bool,
    /// How long the last commit waited for the disk.
    last_sync: Duration,
    /// Held for as long as the connection exists.
    _lock: Option<FileLock>,
}

/// Notes the layout of a ledger that has no version yet, and returns its version.
fn keep_layout(connection: &Connection) -> rusqlite::Result<u32> {
    connection.execute_batch(KEEP_LAYOUT)?;
    connection.execute("INSERT OR IGNORE INTO ledger_layout VALUES (1, ?1)", [LAYOUT])?;
    connection.query_row("SELECT version FROM ledger_layout", [], |row| row.get(0))
}

impl SqliteStore {
    /// Opens `:memory:` or a file, whose name may be followed by `?` and options, which are ignored.
    pub(crate) fn open(place: &str) -> Result<Self, OpenLedgerError> {
        let path = file_of(place);
        let unavailable = |error: rusqlite::Error| OpenLedgerError::Unavailable(format!("{path}: {error}"));
        let (connection, lock) = if path == ":memory:" {
            (Connection::open_in_memory().map_err(unavailable)?, None)
        } else {
            let lock = FileLock::take(Path::new(path))?;
            (Connection::open(path).map_err(unavailable)?, Some(lock))
        };
        connection.set_prepared_statement_cache_capacity(32);
        connection.execute_batch(SETTINGS).map_err(unavailable)?;
        keep_layout(&connection).map_err(unavailable).and_then(require_known)?;
        connection.execute_batch(SCHEMA).map_err(unavailable)?;
        let file = (path != ":memory:").then(|| Path::new(path));
        let ids = IdIndex::load(&connection, file).map_err(|error| OpenLedgerError::Unavailable(error.to_string()))?;
        Ok(Self { connection, ids, tainted: false, last_sync: Duration::ZERO, _lock: lock })
    }

    fn read_head(&self) -> Result<StoredHead, StoreError> {
        let last = self
            .connection
            .prepare_cached("SELECT seq, hash, record FROM journal ORDER BY seq DESC LIMIT 1")?
            .query_row([], |row| Ok((row.get::<_, u64>(0)?, row.get(1)?, row.get::<_, Vec<u8>>(2)?)))
            .optional()?;
        let Some((seq, hash, record)) = last else {
            return Ok(StoredHead { head: Head::default(), hash: GENESIS });
        };
        Ok(StoredHead { head: Head { seq, timestamp: decode(seq, &record)?.timestamp }, hash })
    }

    fn read_next_expiry(&self) -> Result<Option<Timestamp>, StoreError> {
        let first: Option<i64> =
            self.connection.prepare_cached("SELECT min(expires_at) FROM timeouts")?.query_row([], |row| row.get(0))?;
        Ok(first.map(Timestamp::from_millis))
    }

    fn read_due(&self, now: Timestamp, limit: u32) -> Result<Vec<(TransferId, Recorded)>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT pending FROM timeouts WHERE expires_at <= ?1 ORDER BY expires_at, pending LIMIT ?2",
        )?;
        let due: Vec<u64> =
            statement.query_map(params![now.as_millis(), limit], |row| row.get(0))?.collect::<Result<_, _>>()?;
        due.into_iter().map(|seq| self.read_recorded(seq)).collect()
    }

    fn read_recorded(&self, seq: u64) -> Result<(TransferId, Recorded), StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT record, (SELECT state FROM settlements WHERE pending = seq) FROM journal WHERE seq = ?1",
        )?;
        let found =
            statement.query_row([seq], |row| Ok((decode(seq, row.get_ref(0)?.as_blob()?), row.get(1)?))).optional()?;
        let (entry, settlement) = found.ok_or_else(|| StoreError::Damaged(format!("entry {seq} is missing")))?;
        recorded(&entry?, settlement)
    }

    fn read_accounts(&self, ids: &[AccountId]) -> Result<Vec<AccountState>, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT state FROM accounts WHERE id = ?1")?;
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            let key = id.as_u128().to_be_bytes();
            let state = statement.query_row([key], |row| Ok(decode_account(row.get_ref(0)?.as_blob()?))).optional()?;
            found.extend(state.transpose()?);
        }
        Ok(found)
    }

    fn read_transfers(&self, ids: &[TransferId]) -> Result<Vec<(TransferId, Recorded)>, StoreError> {
        self.ids.find(&self.connection, ids)?.into_iter().map(|seq| self.read_recorded(seq)).collect()
    }

    fn read_history(&self, account: AccountId, from: u64, limit: u32) -> Result<Vec<(Entry, Option<i64>)>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT record, (SELECT state FROM settlements WHERE pending = seq) FROM journal WHERE seq = ?1",
        )?;
        let mut walked = Vec::new();
        let mut next = Some(from);
        while let Some(seq) = next
            && walked.len() < limit as usize
        {
            let found = statement
                .query_row([seq], |row| Ok((decode(seq, row.get_ref(0)?.as_blob()?), row.get(1)?)))
                .optional()?;
            let Some((entry, settlement)) = found else { break };
            let entry = entry?;
            next = entry_before(&entry, account);
            walked.push((entry, settlement));
        }
        Ok(walked)
    }

    fn read_waypoint(&self, account: AccountId, at: Timestamp) -> Result<Option<u64>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT seq FROM waypoints WHERE account = ?1 AND timestamp > ?2 ORDER BY ordinal LIMIT 1",
        )?;
        let account = account.as_u128().to_be_bytes();
        Ok(statement.query_row(params![account, at.as_millis()], |row| row.get(0)).optional()?)
    }

    fn begin_round(&mut self) -> Result<(), StoreError> {
        if self.tainted {
            self.roll_back()?;
        }
        if self.connection.is_autocommit() {
            self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        }
        Ok(())
    }

    fn roll_back(&mut self) -> Result<(), StoreError> {
        // Some failures end the transaction by themselves.
        if !self.connection.is_autocommit() {
            self.connection.prepare_cached("ROLLBACK")?.execute([])?;
        }
        self.tainted = false;
        Ok(())
    }

    fn write_round(&mut self, changes: &Changes) -> Result<(), StoreError> {
        self.begin_round()?;
        self.tainted = true;
        write(&self.connection, changes)?;
        let drained = self.ids.drain(&self.connection, changes.ids.len())?;
        let watch = Stopwatch::start();
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        self.last_sync = watch.elapsed();
        self.tainted = false;
        self.ids.committed(drained, &changes.ids);
        Ok(())
    }
}

fn write(connection: &Connection, changes: &Changes) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached("INSERT INTO journal (seq, hash, record) VALUES (?1, ?2, ?3)")?;
    for record in &changes.records {
        insert.execute(params![record.seq, record.hash, record.octets])?;
    }
    let mut upsert = connection.prepare_cached(
        "INSERT INTO accounts (id, state) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET state = excluded.state",
    )?;

    let mut octets = Vec::with_capacity(128);
    for state in &changes.accounts {
        octets.clear();
        state.encode(&mut octets);
        upsert.execute(params![state.account.created.id.as_u128().to_be_bytes(), octets])?;
    }

    let mut settle = connection.prepare_cached("INSERT INTO settlements (pending, state) VALUES (?1, ?2)")?;
    for (pending, state) in &changes.settlements {
        settle.execute(params![pending, state_code(*state)])?;
    }
    let mut add = connection.prepare_cached("INSERT INTO timeouts (expires_at, pending) VALUES (?1, ?2)")?;
    for (at, pending) in &changes.timeouts {
        add.execute(params![at.as_millis(), pending])?;
    }

    let mut remove = connection.prepare_cached("DELETE FROM timeouts WHERE expires_at = ?1 AND pending = ?2")?;
    for (at, pending) in &changes.timeouts_over {
        remove.execute(params![at.as_millis(), pending])?;
    }
    let mut mark = connection
        .prepare_cached("INSERT INTO waypoints (account, ordinal, seq, timestamp) VALUES (?1, ?2, ?3, ?4)")?;
    for point in &changes.waypoints {
        let account = point.account.as_u128().to_be_bytes();
        mark.execute(params![account, point.ordinal, point.seq, point.timestamp.as_millis()])?;
    }

    Ok(())
}

/// The file that a URL names, without the options that may follow.
pub(crate) fn file_of(place: &str) -> &str {
    let path = place.strip_prefix("//").unwrap_or(place);
    path.split_once('?').map_or(path, |(path, _)| path)
}

impl Store for SqliteStore {
    const SHARED: bool = false;

    fn patience(&self) -> Duration {
        self.last_sync / 2
    }

    async fn head(&mut self) -> Result<StoredHead, StoreError> {
        self.read_head()
    }

    async fn lock(&mut self) -> Result<StoredHead, StoreError> {
        self.read_head()
    }

    async fn begin(&mut self) -> Result<(), StoreError> {
        self.begin_round()
    }

    async fn release(&mut self) -> Result<(), StoreError> {
        self.roll_back()
    }

    async fn next_expiry(&mut self) -> Result<Option<Timestamp>, StoreError> {
        self.read_next_expiry()
    }

    async fn due(&mut self, now: Timestamp, limit: u32) -> Result<Vec<(TransferId, Recorded)>, StoreError> {
        self.read_due(now, limit)
    }

    async fn accounts(&mut self, ids: &[AccountId]) -> Result<Vec<AccountState>, StoreError> {
        self.read_accounts(ids)
    }

    async fn transfers(&mut self, ids: &[TransferId]) -> Result<Vec<(TransferId, Recorded)>, StoreError> {
        self.read_transfers(ids)
    }

    async fn history(
        &mut self,
        account: AccountId,
        from: u64,
        limit: u32,
    ) -> Result<Vec<(Entry, Option<i64>)>, StoreError> {
        self.read_history(account, from, limit)
    }

    async fn waypoint_after(&mut self, account: AccountId, at: Timestamp) -> Result<Option<u64>, StoreError> {
        self.read_waypoint(account, at)
    }

    async fn commit(&mut self, changes: &Changes) -> Result<(), StoreError> {
        self.write_round(changes)
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}
