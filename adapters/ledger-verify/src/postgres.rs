//! Reads a ledger in Postgres without writing to it, also while it is in use.
//! The same for a file is in `sqlite`; what is checked is in `audit` and `scan`.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::time::Duration;

use clock::Timestamp;
use futures::TryStreamExt;
use ledger::{AccountId, AccountState, TransferId};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Connection, Executor, Row};
use uuid::Uuid;

use crate::audit::Audit;
use crate::error::VerifyError;
use crate::rows::{JournalRow, Rows, Waypoint};
use crate::scan::{Findings, ScanLimits, State, scan};

/// The time-out of a server.
const CONNECT: Duration = Duration::from_secs(10);
/// All reads until the end of the transaction see the ledger at the instant of the first read.
const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// A connection whose reads all see the ledger at the instant of the first read.
async fn snapshot(url: &str) -> Result<PgConnection, VerifyError> {
    let mut connection = PgConnection::connect(url).await?;
    connection.execute(SNAPSHOT).await?;
    Ok(connection)
}

/// Reads the whole ledger at one instant, for the audit.
pub(crate) async fn read_all(url: &str, audit: &mut Audit) -> Result<(), VerifyError> {
    let connecting = tokio::time::timeout(CONNECT, snapshot(url)).await;
    let mut connection = connecting
        .map_err(|_| VerifyError::Unavailable(format!("the server did not answer within {} s", CONNECT.as_secs())))??;
    require_journal(&mut connection, url).await?;
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

async fn require_journal(connection: &mut PgConnection, url: &str) -> Result<(), VerifyError> {
    let table = sqlx::query("SELECT to_regclass('ledger_journal') IS NOT NULL").fetch_one(connection).await?;
    if table.try_get(0)? {
        return Ok(());
    }
    let name = url.rsplit('/').next().and_then(|name| name.split('?').next()).unwrap_or_default();
    let reason = "it has no journal (no table ledger_journal)".to_owned();
    Err(VerifyError::NoLedger { place: format!("the database {name}"), reason })
}

/// Calls `see` with every row of a query.
async fn each(
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

/// The name of the lock that only one watcher of a ledger holds, among the processes that share it.
const WATCHER: &str = "SELECT pg_try_advisory_lock(7020586423420)";
/// Look-ups must use the key, even if the statistics of a new table suggest another plan. A scan that takes too long is
/// stopped.
const SETTINGS: &str = "
SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off;
SET statement_timeout = '10s'; SET plan_cache_mode = force_generic_plan; SET application_name = 'rafiki ledger monitor';
";
/// The time limit of a whole scan.
const SCAN_TIME: Duration = Duration::from_secs(30);

/// Scans a ledger that several processes share. The first process that asks is its watcher.
pub(crate) struct PostgresWatch {
    url: String,
    /// It is kept between scans, because the server releases the watcher's lock when its connection ends.
    connection: Option<PgConnection>,
    watcher: bool,
}

impl PostgresWatch {
    pub(crate) fn new(url: &str) -> Self {
        Self { url: url.to_owned(), connection: None, watcher: false }
    }

    /// Scans once; `None` if another process is the watcher.
    pub(crate) async fn scan(
        &mut self,
        state: State,
        limits: ScanLimits,
    ) -> Result<Option<(Findings, State)>, VerifyError> {
        let connection = self.connection.take();
        let scanning = tokio::time::timeout(SCAN_TIME, self.scan_with(connection, state, limits)).await;
        // After a failure the connection is closed, and the watcher's lock with it.
        let Ok(Ok((connection, scanned))) = scanning else {
            self.watcher = false;
            return match scanning {
                Ok(Err(error)) => Err(error),
                _ => Err(VerifyError::Unavailable(format!("no answer within {} s", SCAN_TIME.as_secs()))),
            };
        };
        self.connection = Some(connection);
        Ok(scanned)
    }

    async fn scan_with(
        &mut self,
        connection: Option<PgConnection>,
        mut state: State,
        limits: ScanLimits,
    ) -> Result<(PgConnection, Option<(Findings, State)>), VerifyError> {
        let mut connection = if let Some(connection) = connection {
            connection
        } else {
            self.watcher = false;
            let mut connection = PgConnection::connect(&self.url).await?;
            connection.execute(sqlx::raw_sql(SETTINGS)).await?;
            connection
        };
        if !self.watcher {
            self.watcher = sqlx::query_scalar(WATCHER).fetch_one(&mut connection).await?;
        }
        if !self.watcher {
            return Ok((connection, None));
        }
        connection.execute(SNAPSHOT).await?;
        let findings = scan(&mut PostgresRows { connection: &mut connection }, &mut state, limits).await?;
        connection.execute("COMMIT").await?;
        Ok((connection, Some((findings, state))))
    }
}

impl fmt::Debug for PostgresWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresWatch").field("watcher", &self.watcher).finish_non_exhaustive()
    }
}

/// The tables at the instant of the transaction's first read.
struct PostgresRows<'a> {
    connection: &'a mut PgConnection,
}

const JOURNAL: &str = "SELECT seq, hash, record FROM ledger_journal WHERE seq >= $1 ORDER BY seq LIMIT $2";
const LAST: &str = "SELECT seq, hash, record FROM ledger_journal ORDER BY seq DESC LIMIT 1";
const RECORDS: &str = "SELECT seq, record FROM unnest($1::bigint[]) AS wanted (seq) JOIN ledger_journal USING (seq)";
const ACCOUNTS_AFTER: &str = "SELECT id, state FROM ledger_accounts WHERE id > $1 ORDER BY id LIMIT $2";
const ACCOUNTS: &str = "SELECT id, state FROM unnest($1::uuid[]) AS wanted (id) JOIN ledger_accounts USING (id)";
const TRANSFER_IDS: &str = "SELECT id, seq FROM unnest($1::uuid[]) AS wanted (id) JOIN ledger_transfer_ids USING (id)";
const SETTLEMENTS: &str =
    "SELECT pending, state FROM unnest($1::bigint[]) AS wanted (pending) JOIN ledger_settlements USING (pending)";
const TIMEOUTS: &str =
    "SELECT expires_at, pending FROM unnest($1::bigint[], $2::bigint[]) AS wanted (expires_at, pending)
    JOIN ledger_timeouts USING (expires_at, pending)";
const WAYPOINTS: &str = "SELECT account, ordinal, seq, timestamp
    FROM unnest($1::uuid[], $2::bigint[]) AS wanted (account, ordinal) JOIN ledger_waypoints USING (account, ordinal)";

fn journal_row(row: &PgRow) -> Result<JournalRow, sqlx::Error> {
    Ok(JournalRow { seq: number(row, 0)?, hash: row.try_get(1)?, record: row.try_get(2)? })
}

fn signed(numbers: &[u64]) -> Vec<i64> {
    numbers.iter().map(|number| number.cast_signed()).collect()
}

fn found<T>(rows: &[PgRow], read: impl Fn(&PgRow) -> Result<T, sqlx::Error>) -> Result<Vec<T>, VerifyError> {
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

impl Rows for PostgresRows<'_> {
    async fn journal(&mut self, from: u64, limit: u32) -> Result<Vec<JournalRow>, VerifyError> {
        let query = sqlx::query(JOURNAL).bind(from.cast_signed()).bind(i64::from(limit));
        found(&query.fetch_all(&mut *self.connection).await?, journal_row)
    }

    async fn last(&mut self) -> Result<Option<JournalRow>, VerifyError> {
        let row = sqlx::query(LAST).fetch_optional(&mut *self.connection).await?;
        Ok(row.as_ref().map(journal_row).transpose()?)
    }

    async fn head(&mut self) -> Result<Option<(u64, Vec<u8>)>, VerifyError> {
        let row = sqlx::query("SELECT seq, hash FROM ledger_head").fetch_optional(&mut *self.connection).await?;
        // Without this row the writer stops by itself. Here it counts as a head without an entry.
        let head = row.map_or(Ok((0, Vec::new())), |row| Ok::<_, sqlx::Error>((number(&row, 0)?, row.try_get(1)?)))?;
        Ok(Some(head))
    }

    async fn records(&mut self, seqs: &[u64]) -> Result<HashMap<u64, Vec<u8>>, VerifyError> {
        let rows = sqlx::query(RECORDS).bind(signed(seqs)).fetch_all(&mut *self.connection).await?;
        Ok(found(&rows, |row| Ok((number(row, 0)?, row.try_get(1)?)))?.into_iter().collect())
    }

    async fn accounts_after(&mut self, after: AccountId, limit: u32) -> Result<Vec<(AccountId, Vec<u8>)>, VerifyError> {
        let query = sqlx::query(ACCOUNTS_AFTER).bind(after.as_uuid()).bind(i64::from(limit));
        found(&query.fetch_all(&mut *self.connection).await?, |row| Ok((account(row)?, row.try_get(1)?)))
    }

    async fn accounts(&mut self, ids: &[AccountId]) -> Result<HashMap<AccountId, Vec<u8>>, VerifyError> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
        let rows = sqlx::query(ACCOUNTS).bind(ids).fetch_all(&mut *self.connection).await?;
        Ok(found(&rows, |row| Ok((account(row)?, row.try_get(1)?)))?.into_iter().collect())
    }

    async fn indexed_through(&mut self) -> Result<u64, VerifyError> {
        Ok(u64::MAX)
    }

    async fn transfer_ids(&mut self, ids: &[TransferId]) -> Result<HashMap<TransferId, u64>, VerifyError> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
        let rows = sqlx::query(TRANSFER_IDS).bind(ids).fetch_all(&mut *self.connection).await?;
        let ids = found(&rows, |row| Ok((TransferId::from(row.try_get::<Uuid, _>(0)?), number(row, 1)?)))?;
        Ok(ids.into_iter().collect())
    }

    async fn settlements(&mut self, pending: &[u64]) -> Result<HashMap<u64, i64>, VerifyError> {
        let rows = sqlx::query(SETTLEMENTS).bind(signed(pending)).fetch_all(&mut *self.connection).await?;
        let states = found(&rows, |row| Ok((number(row, 0)?, i64::from(row.try_get::<i16, _>(1)?))))?;
        Ok(states.into_iter().collect())
    }

    async fn timeouts(&mut self, wanted: &[(Timestamp, u64)]) -> Result<HashSet<(Timestamp, u64)>, VerifyError> {
        let (at, pending): (Vec<i64>, Vec<i64>) =
            wanted.iter().map(|(at, pending)| (at.as_millis(), pending.cast_signed())).unzip();
        let rows = sqlx::query(TIMEOUTS).bind(at).bind(pending).fetch_all(&mut *self.connection).await?;
        let stored = found(&rows, |row| Ok((Timestamp::from_millis(row.try_get(0)?), number(row, 1)?)))?;
        Ok(stored.into_iter().collect())
    }

    async fn waypoints(&mut self, wanted: &[Waypoint]) -> Result<HashMap<Waypoint, (u64, Timestamp)>, VerifyError> {
        let (accounts, ordinals): (Vec<Uuid>, Vec<i64>) =
            wanted.iter().map(|(account, ordinal)| (account.as_uuid(), ordinal.cast_signed())).unzip();
        let rows = sqlx::query(WAYPOINTS).bind(accounts).bind(ordinals).fetch_all(&mut *self.connection).await?;
        let stored = found(&rows, |row| {
            let at = Timestamp::from_millis(row.try_get(3)?);
            Ok(((account(row)?, number(row, 1)?), (number(row, 2)?, at)))
        })?;
        Ok(stored.into_iter().collect())
    }
}
