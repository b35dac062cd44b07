//! Reads a stored ledger from its first entry to its last, as of one instant, also while it is in use.
//!
//! It writes nothing and takes no lock. It checks nothing either: that is the work of `ledger-verify`.

use std::path::Path;

use clock::Timestamp;
use ledger::{AccountId, AccountState, Balances, Entry, Event, TransferState};
use rusqlite::{OpenFlags, OptionalExtension};
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use crate::sqlite::file_of;
use crate::store::{StoreError, decode, decode_account, state_of};

/// Why a stored ledger could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the ledger cannot be read: {0}")]
pub struct UnreadableLedger(String);

/// An entry, and what became of the reservation that it made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalEntry {
    /// The entry.
    pub entry: Entry,
    /// `None` if it made no reservation, or one that is not decided.
    pub decided: Option<TransferState>,
}

/// A stored ledger as of one instant.
#[derive(Debug)]
pub struct Journal {
    store: Store,
}

#[derive(Debug)]
enum Store {
    Sqlite(rusqlite::Connection),
    Postgres(Box<PgConnection>),
}

impl From<StoreError> for UnreadableLedger {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

impl From<rusqlite::Error> for UnreadableLedger {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<sqlx::Error> for UnreadableLedger {
    fn from(error: sqlx::Error) -> Self {
        Self(error.to_string())
    }
}

impl Journal {
    /// Opens the ledger at `url`: `sqlite:<file>` or `postgres://…`. What is read from it is as of now.
    pub async fn open(url: &str) -> Result<Self, UnreadableLedger> {
        let mut journal = Self { store: Store::open(url).await? };
        journal.last().await?;
        Ok(journal)
    }

    /// The number of the last entry; 0 if there is none.
    pub async fn last(&mut self) -> Result<u64, UnreadableLedger> {
        Ok(match &mut self.store {
            Store::Sqlite(connection) => {
                connection.query_row("SELECT coalesce(max(seq), 0) FROM journal", [], |row| row.get(0))?
            }
            Store::Postgres(connection) => {
                let sql = "SELECT coalesce(max(seq), 0) FROM ledger_journal";
                sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut **connection).await?.cast_unsigned()
            }
        })
    }

    /// At most `limit` entries after entry number `after`, in order.
    pub async fn page(&mut self, after: u64, limit: u32) -> Result<Vec<JournalEntry>, UnreadableLedger> {
        let rows: Vec<(u64, Vec<u8>, Option<i64>)> = match &mut self.store {
            Store::Sqlite(connection) => {
                let sql = "SELECT seq, record, (SELECT state FROM settlements WHERE pending = seq) FROM journal
                    WHERE seq > ?1 ORDER BY seq LIMIT ?2";
                let mut statement = connection.prepare_cached(sql)?;
                let rows = statement
                    .query_map((after.cast_signed(), limit), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
                rows.collect::<Result<_, _>>()?
            }
            Store::Postgres(connection) => {
                let sql = "SELECT j.seq, j.record, s.state::bigint FROM ledger_journal j
                    LEFT JOIN ledger_settlements s ON s.pending = j.seq WHERE j.seq > $1 ORDER BY j.seq LIMIT $2";
                let query = sqlx::query_as::<_, (i64, Vec<u8>, Option<i64>)>(sql);
                let rows = query.bind(after.cast_signed()).bind(i64::from(limit)).fetch_all(&mut **connection).await?;
                rows.into_iter().map(|(seq, record, state)| (seq.cast_unsigned(), record, state)).collect()
            }
        };
        let entry = |(seq, record, state): (u64, Vec<u8>, Option<i64>)| {
            let decided = state.map(|code| state_of(code, seq)).transpose()?;
            Ok(JournalEntry { entry: decode(seq, &record)?, decided })
        };
        rows.into_iter().map(entry).collect()
    }

    /// Those of the accounts that exist, with their totals.
    pub async fn accounts(&mut self, ids: &[AccountId]) -> Result<Vec<AccountState>, UnreadableLedger> {
        let mut states: Vec<Vec<u8>> = Vec::with_capacity(ids.len());
        match &mut self.store {
            Store::Sqlite(connection) => {
                let mut statement = connection.prepare_cached("SELECT state FROM accounts WHERE id = ?1")?;
                for id in ids {
                    let key = id.as_u128().to_be_bytes();
                    states.extend(statement.query_row([key], |row| row.get(0)).optional()?);
                }
            }
            Store::Postgres(connection) => {
                let sql = "SELECT state FROM unnest($1::uuid[]) AS wanted (id) JOIN ledger_accounts USING (id)";
                let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
                states = sqlx::query_scalar(sql).bind(ids).fetch_all(&mut **connection).await?;
            }
        }
        states.iter().map(|state| Ok(decode_account(state)?)).collect()
    }
}

impl Journal {
    /// The totals of an account at an instant; `None` before it was created. Few entries are read, however long the past
    /// of the account is.
    pub async fn balances_at(
        &mut self,
        state: &AccountState,
        at: Timestamp,
    ) -> Result<Option<Balances>, UnreadableLedger> {
        let account = state.account.created.id;
        if at < state.account.timestamp {
            return Ok(None);
        }
        let mut next = self.waypoint_after(account, at).await?.or((state.movements > 0).then_some(state.last_entry));
        while let Some(seq) = next {
            let entry = self.page(seq - 1, 1).await?.into_iter().next().map(|found| found.entry);
            let Some(Entry { timestamp, event: Event::Moved(movement), .. }) = entry else { break };
            let Some(posting) = movement.posting_of(account) else { break };
            if timestamp <= at {
                return Ok(Some(posting.balances));
            }
            next = (posting.ordinal > 1).then_some(posting.previous);
        }
        Ok(Some(Balances::default()))
    }

    /// The first entry of the account after `at` that begins the way back.
    async fn waypoint_after(&mut self, account: AccountId, at: Timestamp) -> Result<Option<u64>, UnreadableLedger> {
        Ok(match &mut self.store {
            Store::Sqlite(connection) => {
                let sql = "SELECT seq FROM waypoints WHERE account = ?1 AND timestamp > ?2 ORDER BY ordinal LIMIT 1";
                let key = account.as_u128().to_be_bytes();
                connection.query_row(sql, (key, at.as_millis()), |row| row.get(0)).optional()?
            }
            Store::Postgres(connection) => {
                let sql =
                    "SELECT seq FROM ledger_waypoints WHERE account = $1 AND timestamp > $2 ORDER BY ordinal LIMIT 1";
                let query = sqlx::query_scalar::<_, i64>(sql).bind(account.as_uuid()).bind(at.as_millis());
                query.fetch_optional(&mut **connection).await?.map(i64::cast_unsigned)
            }
        })
    }
}

impl Store {
    /// Begins the transaction whose reads are as of its first one.
    async fn open(url: &str) -> Result<Self, UnreadableLedger> {
        if let Some(place) = url.strip_prefix("sqlite:") {
            let connection =
                rusqlite::Connection::open_with_flags(Path::new(file_of(place)), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            connection.execute_batch("PRAGMA busy_timeout = 5000; BEGIN")?;
            return Ok(Self::Sqlite(connection));
        }
        let mut connection = PgConnection::connect(url).await?;
        sqlx::raw_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").execute(&mut connection).await?;
        Ok(Self::Postgres(Box::new(connection)))
    }
}
