//! The ledger in Postgres, shared by any number of processes.
//!
//! One row has the end of the journal. A commit is one statement: it moves this row, and writes everything else only if
//! the row is as the writer expected. If another process was faster, the writer takes the row's lock first for a while.
//! One process without a lock is `sqlite`.

use std::future::Future;
use std::time::Duration;

use clock::Timestamp;
use ledger::{AccountId, AccountState, ChainHash, Entry, GENESIS, Head, Recorded, TransferId};
use sqlx::error::DatabaseError;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgDatabaseError, PgRow, PgSeverity};
use sqlx::{Connection, Executor, Row};
use uuid::Uuid;

use crate::changes::{Changes, StoredHead};
use crate::store::{Store, StoreError, decode, decode_account, entry_before, recorded, state_code};
use crate::{LAYOUT, OpenLedgerError, require_known};

/// How long to wait for the server's answer before the connection counts as lost. The server itself gives up a
/// statement sooner (see `SETTINGS`).
const ANSWER: Duration = Duration::from_secs(15);

/// Where the version of the layout is. Because of the advisory lock, processes that start together create it once.
const KEEP_LAYOUT: &str = "
BEGIN;
SELECT pg_advisory_xact_lock(7020586423419);
CREATE TABLE IF NOT EXISTS ledger_layout (one smallint PRIMARY KEY CHECK (one = 1), version bigint NOT NULL);
INSERT INTO ledger_layout VALUES (1, LAYOUT) ON CONFLICT DO NOTHING;
COMMIT;
";
/// The tables, created once in the same way.
const SCHEMA: &str = "
BEGIN;
SELECT pg_advisory_xact_lock(7020586423419);
CREATE TABLE IF NOT EXISTS ledger_head (
    one smallint PRIMARY KEY CHECK (one = 1), seq bigint NOT NULL, hash bytea NOT NULL, timestamp bigint NOT NULL
) WITH (fillfactor = 10);
CREATE TABLE IF NOT EXISTS ledger_journal (seq bigint PRIMARY KEY, hash bytea NOT NULL, record bytea NOT NULL);
CREATE TABLE IF NOT EXISTS ledger_accounts (id uuid PRIMARY KEY, state bytea NOT NULL) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS ledger_transfer_ids (id uuid PRIMARY KEY, seq bigint NOT NULL);
CREATE TABLE IF NOT EXISTS ledger_settlements (pending bigint PRIMARY KEY, state smallint NOT NULL);
CREATE TABLE IF NOT EXISTS ledger_timeouts (
    expires_at bigint, pending bigint, PRIMARY KEY (expires_at, pending)
);
CREATE TABLE IF NOT EXISTS ledger_waypoints (
    account uuid, ordinal bigint, seq bigint NOT NULL, timestamp bigint NOT NULL, PRIMARY KEY (account, ordinal)
);
INSERT INTO ledger_head VALUES (1, 0, decode(repeat('00', 32), 'hex'), 0) ON CONFLICT DO NOTHING;
COMMIT;
";

/// Every look-up is by key, whatever the statistics of a new table say. Commits are durable even if the server's
/// default is different.
const SETTINGS: &str = "
SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off;
SET synchronous_commit = on; SET statement_timeout = '10s'; SET plan_cache_mode = force_generic_plan;
";

const BACKEND: &str = "
SELECT pid, (extract(epoch FROM backend_start) * 1000000)::bigint FROM pg_stat_activity WHERE pid = pg_backend_pid()";
const STOP: &str = "
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE pid = $1 AND (extract(epoch FROM backend_start) * 1000000)::bigint = $2";
const HEAD: &str = "SELECT seq, hash, timestamp FROM ledger_head WHERE one = 1";
const LOCK_HEAD: &str = "SELECT seq, hash, timestamp FROM ledger_head WHERE one = 1 FOR UPDATE";
const NEXT_EXPIRY: &str = "SELECT min(expires_at) FROM ledger_timeouts";
const DUE: &str = "
SELECT journal.seq, record, settlements.state FROM ledger_timeouts
JOIN ledger_journal journal ON journal.seq = pending
LEFT JOIN ledger_settlements settlements USING (pending)
WHERE expires_at <= $1 ORDER BY expires_at, pending LIMIT $2";
/// The end of the journal comes with the accounts, so that a round that only reads is one statement.
const ACCOUNTS: &str = "
SELECT seq, hash, timestamp, state FROM ledger_head LEFT JOIN (
    SELECT state FROM unnest($1::uuid[]) AS wanted (id) JOIN ledger_accounts USING (id)
) AS found ON true WHERE one = 1";
const TRANSFERS: &str = "
SELECT journal.seq, record, settlements.state FROM unnest($1::uuid[]) AS wanted (id)
JOIN ledger_transfer_ids USING (id) JOIN ledger_journal journal USING (seq)
LEFT JOIN ledger_settlements settlements ON settlements.pending = journal.seq";
/// Octets 27 to 42 of a movement's record are its debit account. Octets 59 to 66 are that account's previous entry, and
/// 67 to 74 the credit account's.
const HISTORY: &str = "
WITH RECURSIVE walk (seq, record, step) AS (
    SELECT seq, record, 1 FROM ledger_journal WHERE seq = $2
    UNION ALL
    SELECT journal.seq, journal.record, step + 1 FROM walk JOIN ledger_journal journal ON journal.seq = ('x' || encode(
        substring(walk.record FROM CASE WHEN substring(walk.record FROM 27 FOR 16) = $1 THEN 59 ELSE 67 END FOR 8), 'hex'
    ))::bit(64)::bigint
    WHERE get_byte(walk.record, 0) = 2 AND step < $3
)
SELECT seq, record, (SELECT state FROM ledger_settlements WHERE pending = seq) FROM walk ORDER BY step";
const WAYPOINT: &str =
    "SELECT seq FROM ledger_waypoints WHERE account = $1 AND timestamp > $2 ORDER BY ordinal LIMIT 1";
const HOLDS: &str = "SELECT hash FROM ledger_journal WHERE seq = $1";
const COMMIT: &str = "
WITH head AS (
    UPDATE ledger_head SET seq = $3, hash = $4, timestamp = $5 WHERE one = 1 AND seq = $1 AND hash = $2 RETURNING one
), journal AS (
    INSERT INTO ledger_journal (seq, hash, record)
    SELECT r.* FROM head, unnest($6::bigint[], $7::bytea[], $8::bytea[]) AS r
), ids AS (
    INSERT INTO ledger_transfer_ids (id, seq) SELECT r.* FROM head, unnest($9::uuid[], $10::bigint[]) AS r
), accounts AS (
    INSERT INTO ledger_accounts (id, state) SELECT r.* FROM head, unnest($11::uuid[], $12::bytea[]) AS r
    ON CONFLICT (id) DO UPDATE SET state = excluded.state
), settlements AS (
    INSERT INTO ledger_settlements (pending, state) SELECT r.* FROM head, unnest($13::bigint[], $14::smallint[]) AS r
), timeouts AS (
    INSERT INTO ledger_timeouts (expires_at, pending) SELECT r.* FROM head, unnest($15::bigint[], $16::bigint[]) AS r
), timeouts_over AS (
    DELETE FROM ledger_timeouts t USING head, unnest($17::bigint[], $18::bigint[]) AS r (expires_at, pending)
    WHERE t.expires_at = r.expires_at AND t.pending = r.pending
), waypoints AS (
    INSERT INTO ledger_waypoints (account, ordinal, seq, timestamp)
    SELECT r.* FROM head, unnest($19::uuid[], $20::bigint[], $21::bigint[], $22::bigint[]) AS r
)
SELECT count(*) FROM head";

pub(crate) struct PostgresStore {
    options: PgConnectOptions,
    session: Option<Session>,
    /// The end of the journal at the last read of accounts in this round.
    head_seen: Option<StoredHead>,
}

struct Session {
    connection: PgConnection,
    /// The server process of the connection, to be stopped if it no longer answers, and the time when it began, because
    /// process numbers are used again.
    backend: (i32, i64),
    /// Whether a transaction is open that holds the lock of the journal's end.
    locked: bool,
}

/// How a statement failed.
enum Failure {
    /// The server refused it. It had no effect.
    Refused(sqlx::Error),
    /// No answer came. It may have had its effect.
    Lost(String),
}

impl PostgresStore {
    pub(crate) async fn open(url: &str) -> Result<Self, OpenLedgerError> {
        let unavailable = |reason: &dyn std::fmt::Display| OpenLedgerError::Unavailable(reason.to_string());
        let options: PgConnectOptions = url.parse().map_err(|error: sqlx::Error| unavailable(&error))?;
        let mut store = Self { options, session: None, head_seen: None };
        let session = store.session().await.map_err(|error| unavailable(&error))?;
        let lost = |failure: Failure| unavailable(&StoreError::from(failure));
        let keep = KEEP_LAYOUT.replace("LAYOUT", &LAYOUT.to_string());
        answered(session.connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(keep)))).await.map_err(lost)?;
        let layout = sqlx::query_scalar("SELECT version FROM ledger_layout").fetch_one(&mut session.connection);
        let layout: i64 = answered(layout).await.map_err(lost)?;
        require_known(u32::try_from(layout).unwrap_or(u32::MAX))?;
        answered(session.connection.execute(sqlx::raw_sql(SCHEMA))).await.map_err(lost)?;
        Ok(store)
    }

    async fn session(&mut self) -> Result<&mut Session, StoreError> {
        if self.session.is_none() {
            let mut connection = answered(PgConnection::connect_with(&self.options)).await?;
            answered(connection.execute(sqlx::raw_sql(SETTINGS))).await?;
            let row = answered(sqlx::query(BACKEND).fetch_one(&mut connection)).await?;
            let backend = (row.try_get(0)?, row.try_get(1)?);
            self.session = Some(Session { connection, backend, locked: false });
        }
        self.session.as_mut().ok_or_else(|| StoreError::Unavailable("no connection".to_owned()))
    }

    /// The rows of a query. A connection that failed is given up, so that the next use opens another.
    async fn rows(&mut self, query: PgQuery<'_>) -> Result<Vec<PgRow>, StoreError> {
        let session = self.session().await?;
        let result = answered(query.fetch_all(&mut session.connection)).await;
        if result.is_err() {
            self.session = None;
        }
        Ok(result?)
    }

    async fn read_head(&mut self, query: &'static str) -> Result<StoredHead, StoreError> {
        let rows = self.rows(sqlx::query(query)).await?;
        head_of(&rows)
    }

    async fn finish(&mut self, verb: &'static str) -> Result<(), Failure> {
        let Some(session) = self.session.as_mut().filter(|session| session.locked) else { return Ok(()) };
        session.locked = false;
        answered(session.connection.execute(verb)).await.map(drop)
    }

    async fn try_commit(&mut self, changes: &Changes) -> Result<bool, Failure> {
        let Some(session) = &mut self.session else { return Ok(false) };
        let moved = answered(bound(changes).fetch_one(&mut session.connection)).await?;
        let moved: i64 = moved.try_get(0).map_err(Failure::Refused)?;
        self.finish("COMMIT").await?;
        Ok(moved == 1)
    }

    /// The result of a commit that was not answered. The journal shows it after the server process that wrote has
    /// ended.
    async fn fate(&mut self, changes: &Changes, reason: String) -> Result<(), StoreError> {
        tracing::warn!(reason, "a commit was not answered; reading its result in the journal");
        let lost = self.session.take().map(|session| session.backend);
        self.session().await?;
        if let Some((process, began)) = lost {
            self.rows(sqlx::query(STOP).bind(process).bind(began)).await?;
        }
        // The lock waits until the lost server process has ended, with or without a commit.
        let head = Store::lock(self).await?;
        let seq = changes.after.head.seq;
        let found = self.rows(sqlx::query(HOLDS).bind(seq.cast_signed())).await?;
        let hash = found.first().map(|row| row.try_get::<Vec<u8>, _>(0)).transpose()?;
        self.release().await?;
        tracing::info!(head = head.head.seq, seq, "the journal shows the result of the commit");
        if hash.is_some_and(|hash| hash == changes.after.hash) { Ok(()) } else { Err(StoreError::Moved) }
    }
}

type PgQuery<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

fn bound(changes: &Changes) -> PgQuery<'_> {
    fn column<'a, T, U>(rows: &'a [T], field: impl Fn(&'a T) -> U) -> Vec<U> {
        rows.iter().map(field).collect()
    }
    let Changes { before, after, records, ids, accounts, settlements, timeouts, timeouts_over, waypoints } = changes;
    let states = column(accounts, |state| {
        let mut octets = Vec::with_capacity(128);
        state.encode(&mut octets);
        octets
    });

    let instant = |at: Timestamp| at.as_millis();
    sqlx::query(COMMIT)
        .bind(before.head.seq.cast_signed())
        .bind(hash(&before.hash))
        .bind(after.head.seq.cast_signed())
        .bind(hash(&after.hash))
        .bind(instant(after.head.timestamp))
        .bind(column(records, |record| record.seq.cast_signed()))
        .bind(column(records, |record| hash(&record.hash)))
        .bind(column(records, |record| record.octets.as_slice()))
        .bind(column(ids, |(id, _)| id.as_uuid()))
        .bind(column(ids, |(_, seq)| seq.cast_signed()))
        .bind(column(accounts, |state| state.account.created.id.as_uuid()))
        .bind(states)
        .bind(column(settlements, |(pending, _)| pending.cast_signed()))
        .bind(column(settlements, |(_, state)| state_code(*state)))
        .bind(column(timeouts, |(at, _)| instant(*at)))
        .bind(column(timeouts, |(_, pending)| pending.cast_signed()))
        .bind(column(timeouts_over, |(at, _)| instant(*at)))
        .bind(column(timeouts_over, |(_, pending)| pending.cast_signed()))
        .bind(column(waypoints, |point| point.account.as_uuid()))
        .bind(column(waypoints, |point| point.ordinal.cast_signed()))
        .bind(column(waypoints, |point| point.seq.cast_signed()))
        .bind(column(waypoints, |point| instant(point.timestamp)))
}

fn hash(hash: &ChainHash) -> &[u8] {
    hash
}

/// Waits for an answer, up to a limit.
async fn answered<T>(statement: impl Future<Output = Result<T, sqlx::Error>> + Send) -> Result<T, Failure> {
    match tokio::time::timeout(ANSWER, statement).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sqlx::Error::Database(error))) if ends_session(error.as_ref()) => Err(Failure::Lost(error.to_string())),
        Ok(Err(error @ sqlx::Error::Database(_))) => Err(Failure::Refused(error)),
        Ok(Err(error)) => Err(Failure::Lost(error.to_string())),
        Err(_) => Err(Failure::Lost(format!("no answer within {} s", ANSWER.as_secs()))),
    }
}

/// Whether the server closes the connection with this error. What it was asked to do may have happened by then.
fn ends_session(error: &dyn DatabaseError) -> bool {
    let severity = error.try_downcast_ref::<PgDatabaseError>().map(PgDatabaseError::severity);
    matches!(severity, Some(PgSeverity::Fatal | PgSeverity::Panic))
}

impl Store for PostgresStore {
    const SHARED: bool = true;

    async fn head(&mut self) -> Result<StoredHead, StoreError> {
        self.read_head(HEAD).await
    }

    fn take_head_seen(&mut self) -> Option<StoredHead> {
        self.head_seen.take()
    }

    async fn begin(&mut self) -> Result<(), StoreError> {
        self.head_seen = None;
        Ok(())
    }

    async fn lock(&mut self) -> Result<StoredHead, StoreError> {
        let session = self.session().await?;
        if !session.locked {
            let begun = answered(session.connection.execute("BEGIN")).await;
            session.locked = begun.is_ok();
            if begun.is_err() {
                self.session = None;
            }
            begun?;
        }
        self.read_head(LOCK_HEAD).await
    }

    async fn release(&mut self) -> Result<(), StoreError> {
        let released = self.finish("ROLLBACK").await;
        if released.is_err() {
            self.session = None;
        }
        Ok(released?)
    }

    async fn next_expiry(&mut self) -> Result<Option<Timestamp>, StoreError> {
        let rows = self.rows(sqlx::query(NEXT_EXPIRY)).await?;
        let first: Option<i64> = rows.first().map(|row| row.try_get(0)).transpose()?.flatten();
        Ok(first.map(Timestamp::from_millis))
    }

    async fn due(&mut self, now: Timestamp, limit: u32) -> Result<Vec<(TransferId, Recorded)>, StoreError> {
        let rows = self.rows(sqlx::query(DUE).bind(now.as_millis()).bind(i64::from(limit))).await?;
        rows.iter().map(read_recorded).collect()
    }

    async fn accounts(&mut self, ids: &[AccountId]) -> Result<Vec<AccountState>, StoreError> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
        let rows = self.rows(sqlx::query(ACCOUNTS).bind(ids)).await?;
        self.head_seen = Some(head_of(&rows)?);

        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            if let Some(state) = row.try_get::<Option<&[u8]>, _>(3)? {
                found.push(decode_account(state)?);
            }
        }
        Ok(found)
    }

    async fn transfers(&mut self, ids: &[TransferId]) -> Result<Vec<(TransferId, Recorded)>, StoreError> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
        let rows = self.rows(sqlx::query(TRANSFERS).bind(ids)).await?;
        rows.iter().map(read_recorded).collect()
    }

    async fn history(
        &mut self,
        account: AccountId,
        from: u64,
        limit: u32,
    ) -> Result<Vec<(Entry, Option<i64>)>, StoreError> {
        let octets = account.as_u128().to_be_bytes().to_vec();
        let query = sqlx::query(HISTORY).bind(octets).bind(from.cast_signed()).bind(i64::from(limit));
        let mut walked = Vec::new();
        for row in self.rows(query).await? {
            let (seq, settlement): (i64, Option<i16>) = (row.try_get(0)?, row.try_get(2)?);
            let entry = decode(seq.cast_unsigned(), row.try_get(1)?)?;
            let last = entry_before(&entry, account).is_none();
            walked.push((entry, settlement.map(i64::from)));
            if last {
                break;
            }
        }
        Ok(walked)
    }

    async fn waypoint_after(&mut self, account: AccountId, at: Timestamp) -> Result<Option<u64>, StoreError> {
        let rows = self.rows(sqlx::query(WAYPOINT).bind(account.as_uuid()).bind(at.as_millis())).await?;
        let seq: Option<i64> = rows.first().map(|row| row.try_get(0)).transpose()?;
        Ok(seq.map(i64::cast_unsigned))
    }

    async fn commit(&mut self, changes: &Changes) -> Result<(), StoreError> {
        self.session().await?;
        match self.try_commit(changes).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(StoreError::Moved),
            Err(Failure::Lost(reason)) => self.fate(changes, reason).await,
            Err(Failure::Refused(error)) => {
                self.release().await?;
                let repeated = error.as_database_error().is_some_and(|error| {
                    error.is_unique_violation() && error.constraint() == Some("ledger_transfer_ids_pkey")
                });
                Err(if repeated { StoreError::Repeated } else { StoreError::from(Failure::Refused(error)) })
            }
        }
    }
}

/// The end of the journal, in the first three columns of every row.
fn head_of(rows: &[PgRow]) -> Result<StoredHead, StoreError> {
    let row = rows.first().ok_or_else(|| StoreError::Damaged("ledger_head is empty".to_owned()))?;
    let (seq, timestamp): (i64, i64) = (row.try_get(0)?, row.try_get(2)?);
    let hash = row.try_get::<&[u8], _>(1)?.try_into().unwrap_or(GENESIS);
    Ok(StoredHead { head: Head { seq: seq.cast_unsigned(), timestamp: Timestamp::from_millis(timestamp) }, hash })
}

fn read_recorded(row: &PgRow) -> Result<(TransferId, Recorded), StoreError> {
    let seq: i64 = row.try_get(0)?;
    let settlement: Option<i16> = row.try_get(2)?;
    recorded(&decode(seq.cast_unsigned(), row.try_get(1)?)?, settlement.map(i64::from))
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(error) => Self::Unavailable(error.to_string()),
            Failure::Lost(reason) => Self::Unavailable(reason),
        }
    }
}
