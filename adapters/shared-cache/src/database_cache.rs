//! The cache in the database of the role: a table whose rows expire, for installations without Redis.
//!
//! Every operation is one statement, so no other process can come between its parts. An expired row counts as absent,
//! even if it is not removed yet. Requests that may count only once claim names; on Postgres, names that are claimed at the
//! same time share one statement.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use clock::{Clock, Timestamp};
use database::sea_orm::{ConnectionTrait, Statement, Value};
use database::{Database, Dialect, Gather, Met, Migrations, Step, Subscription, Write, WriteTransaction};

use crate::CacheError;

/// The table. It must be in the database of the role whose processes share the values.
pub const MIGRATIONS: Migrations = Migrations {
    store: "shared_cache",
    steps: &[Step { name: "0001_shared_values", sql: include_str!("0001_shared_values.sql") }],
};

const TABLE: &str = "shared_values";

const SET_IF_ABSENT: &str = "INSERT INTO shared_values (name, value, expires_at) VALUES ($1, $2, $3)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
    WHERE shared_values.expires_at <= $4";

const REPLACE_IF: &str = "UPDATE shared_values SET value = $3, expires_at = $4
    WHERE name = $1 AND value = $2 AND expires_at > $5";

/// The channel that wakes processes waiting for a value.
const TOPIC: &str = "shared_values";

/// The largest value, in octets.
const VALUE_MAX: usize = 1 << 20;

/// The limits of the table, and how often it is cleaned.
#[derive(Clone, Copy, Debug)]
pub struct DatabaseLimits {
    /// The most rows that have not expired. If there are more, new rows are refused until some have expired.
    pub rows: u64,
    /// The number of writes of this process after which the table is cleaned.
    pub sweep_after_writes: u64,
    /// The time after which the next write cleans it anyway.
    pub sweep_after: Duration,
}

impl Default for DatabaseLimits {
    fn default() -> Self {
        Self { rows: 5_000_000, sweep_after_writes: 10_000, sweep_after: Duration::from_mins(1) }
    }
}

/// Values that every process on the same database sees. Clones share one connection pool.
#[derive(Clone, Debug)]
pub struct DatabaseCache {
    database: Database,
    /// The same database, as its users have opened it for their own rows.
    of_users: Option<Database>,
    clock: Arc<dyn Clock>,
    limits: DatabaseLimits,
    sweeping: Arc<Sweeping>,
    claims: Gather<Claim, bool>,
}

/// A name to claim if it is free.
#[derive(Clone, Debug)]
struct Claim {
    name: String,
    value: Bytes,
    expires_at: Timestamp,
}

/// The time of the last cleaning, and its result.
#[derive(Debug, Default)]
struct Sweeping {
    writes: AtomicU64,
    last: AtomicI64,
    full: AtomicBool,
}

impl DatabaseCache {
    /// Makes a cache in `database`, which has the table of [`MIGRATIONS`].
    pub fn new(database: Database, clock: Arc<dyn Clock>, limits: DatabaseLimits) -> Self {
        let sweeping = Sweeping { last: AtomicI64::new(clock.now().as_millis()), ..Sweeping::default() };
        let (of_claims, time) = (database.clone(), Arc::clone(&clock));
        let claims = Gather::new(move |claims| take(of_claims.clone(), claims, time.now()));
        Self { database, of_users: None, clock, limits, sweeping: Arc::new(sweeping), claims }
    }

    /// Lets transactions of `database` write values, too. It is the same database, opened by the users of the cache for
    /// their own rows.
    #[must_use]
    pub fn written_within(self, database: Database) -> Self {
        Self { of_users: Some(database), ..self }
    }

    pub(crate) fn subscribe(&self) -> Subscription {
        self.database.subscribe(TOPIC)
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Option<Bytes>, CacheError> {
        let reader = self.database.reader();
        let sql = "SELECT value FROM shared_values WHERE name = $1 AND expires_at > $2";
        let values: [Value; 2] = [key.into(), self.clock.now().as_millis().into()];
        let statement = Statement::from_sql_and_values(reader.get_database_backend(), sql, values);
        let row = reader.query_one_raw(statement).await.map_err(database::Error::from)?;
        let found: Option<Vec<u8>> =
            row.map(|row| row.try_get_by_index(0)).transpose().map_err(database::Error::from)?;
        Ok(found.map(Bytes::from))
    }

    pub(crate) async fn set(&self, key: &str, value: Bytes, life: Duration) -> Result<(), CacheError> {
        let sql = "INSERT INTO shared_values (name, value, expires_at) VALUES ($1, $2, $3)
            ON CONFLICT (name) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at";
        let now = self.room_for(&value).await?;
        self.write(sql, [key.into(), value.to_vec().into(), (now + life).as_millis().into()]).await.map(drop)
    }

    pub(crate) async fn set_if_absent(&self, key: &str, value: Bytes, life: Duration) -> Result<bool, CacheError> {
        let now = self.room_for(&value).await?;
        let expires_at = now + life;
        // A SQLite file joins what is written at the same time by itself.
        if self.database.dialect() == Dialect::Sqlite {
            let values = [key.into(), value.to_vec().into(), expires_at.as_millis().into(), now.as_millis().into()];
            return self.write(SET_IF_ABSENT, values).await;
        }
        let taken = self.claims.ask(Claim { name: key.to_owned(), value, expires_at }).await?;
        self.sweep_now_and_then().await;
        Ok(taken)
    }

    pub(crate) async fn replace_if(
        &self,
        key: &str,
        expected: &[u8],
        value: Bytes,
        life: Duration,
    ) -> Result<bool, CacheError> {
        let now = self.room_for(&value).await?;
        let values = [
            key.into(),
            expected.to_vec().into(),
            value.to_vec().into(),
            (now + life).as_millis().into(),
            now.as_millis().into(),
        ];
        let replaced = self.write(REPLACE_IF, values).await?;
        // Callers in other processes read again soon. A notification for them would be one more statement per request.
        self.database.wake_here(TOPIC);
        Ok(replaced)
    }

    /// Whether users' transactions may write values now.
    pub(crate) fn has_room(&self) -> bool {
        self.of_users.is_some() && !self.sweeping.full.load(Ordering::Relaxed)
    }

    pub(crate) fn set_within(
        &self,
        transaction: &WriteTransaction,
        key: &str,
        value: Bytes,
        life: Duration,
    ) -> Option<Met> {
        let now = self.clock.now();
        let values = [key.into(), value.to_vec().into(), (now + life).as_millis().into(), now.as_millis().into()];
        let write = self.write_within(transaction, key, SET_IF_ABSENT, values)?;
        Some(self.add_to(transaction, write.must(format!("the shared value {key} was set meanwhile"))))
    }

    pub(crate) fn replace_within(
        &self,
        transaction: &WriteTransaction,
        key: &str,
        expected: &[u8],
        value: Bytes,
        life: Duration,
    ) -> Option<Met> {
        let now = self.clock.now();
        let values = [
            key.into(),
            expected.to_vec().into(),
            value.to_vec().into(),
            (now + life).as_millis().into(),
            now.as_millis().into(),
        ];
        let write = self.write_within(transaction, key, REPLACE_IF, values)?;
        Some(self.add_to(transaction, write))
    }

    fn write_within<const N: usize>(
        &self,
        transaction: &WriteTransaction,
        key: &str,
        sql: &str,
        values: [Value; N],
    ) -> Option<Write> {
        let users = self.of_users.as_ref()?;
        let statement = Statement::from_sql_and_values(transaction.get_database_backend(), sql, values);
        transaction.is_of(users).then(|| Write::new(TABLE, key, statement))
    }

    fn add_to(&self, transaction: &WriteTransaction, mut write: Write) -> Met {
        let met = write.met();
        transaction.write(write);
        let database = self.database.clone();
        transaction.on_commit(move || database.wake_here(TOPIC));
        met
    }

    pub(crate) async fn remove_if(&self, key: &str, value: &[u8]) -> Result<bool, CacheError> {
        let sql = "DELETE FROM shared_values WHERE name = $1 AND value = $2 AND expires_at > $3";
        let values = [key.into(), value.to_vec().into(), self.clock.now().as_millis().into()];
        let removed = self.write(sql, values).await?;
        self.database.wake_here(TOPIC);
        Ok(removed)
    }

    pub(crate) async fn add(&self, key: &str, delta: i64, life: Duration) -> Result<i64, CacheError> {
        // A writer that was overtaken between its read and its write tries again. In each round one writer succeeds.
        loop {
            let before = self.get(key).await?;
            let count = before.as_ref().map_or(Some(0), |text| std::str::from_utf8(text).ok()?.parse::<i64>().ok());
            let total = count
                .and_then(|count| count.checked_add(delta))
                .ok_or_else(|| CacheError::NotCountable { key: key.to_owned() })?;
            let value = Bytes::from(total.to_string());
            let counted = match before {
                None => self.set_if_absent(key, value, life).await?,
                Some(before) => self.replace_if(key, &before, value, life).await?,
            };
            if counted {
                return Ok(total);
            }
        }
    }

    pub(crate) async fn publish(&self, key: &str, value: Bytes, life: Duration) -> Result<(), CacheError> {
        self.set(key, value, life).await?;
        self.database.wake(TOPIC);
        Ok(())
    }

    /// Runs one statement. Returns whether it changed a row.
    async fn write<const N: usize>(&self, sql: &str, values: [Value; N]) -> Result<bool, CacheError> {
        let changed = self.database.execute(sql, values).await?;
        self.sweep_now_and_then().await;
        Ok(changed > 0)
    }

    /// The instant of the write, unless the value is too large or the table is full.
    async fn room_for(&self, value: &Bytes) -> Result<Timestamp, CacheError> {
        if self.sweeping.full.load(Ordering::Relaxed) {
            self.sweep_now_and_then().await;
        }
        if value.len() > VALUE_MAX || self.sweeping.full.load(Ordering::Relaxed) {
            return Err(CacheError::Full);
        }
        Ok(self.clock.now())
    }

    /// Removes expired rows and counts the others, if it is time for that.
    async fn sweep_now_and_then(&self) {
        let (now, sweeping) = (self.clock.now(), &self.sweeping);
        let writes = sweeping.writes.fetch_add(1, Ordering::Relaxed) + 1;
        let last = Timestamp::from_millis(sweeping.last.load(Ordering::Relaxed));
        let due = writes >= self.limits.sweep_after_writes || now.saturating_since(last) >= self.limits.sweep_after;
        if !due {
            return;
        }
        // Several writers may find that it is time. Only one of them does it.
        sweeping.writes.store(0, Ordering::Relaxed);
        let turn = (last.as_millis(), now.as_millis().max(last.as_millis() + 1));
        if sweeping.last.compare_exchange(turn.0, turn.1, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return;
        }
        if let Err(error) = self.sweep(now).await {
            tracing::warn!(%error, "expired shared values were not removed; the next run tries again");
        }
    }

    async fn sweep(&self, now: Timestamp) -> Result<(), database::Error> {
        self.database.execute("DELETE FROM shared_values WHERE expires_at <= $1", [now.as_millis().into()]).await?;
        let reader = self.database.reader();
        let count = Statement::from_string(reader.get_database_backend(), "SELECT count(*) FROM shared_values");
        let row = reader.query_one_raw(count).await?;
        let rows: i64 = row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or_default();
        self.sweeping.full.store(u64::try_from(rows).unwrap_or(0) >= self.limits.rows, Ordering::Relaxed);
        Ok(())
    }
}

/// Claims each name that is free. Returns whether it was claimed, in the order of `claims`.
async fn take(database: Database, claims: Vec<Claim>, now: Timestamp) -> Result<Vec<bool>, database::Error> {
    // Of equal names, the first is claimed. All processes use the same order of names, so that two processes with the
    // same names do not wait for each other.
    let mut first = BTreeMap::new();
    for (place, claim) in claims.iter().enumerate() {
        first.entry(claim.name.as_str()).or_insert(place);
    }

    let mut values: Vec<Value> = vec![now.as_millis().into()];
    let mut rows = Vec::with_capacity(first.len());
    for place in first.values() {
        let (claim, n) = (&claims[*place], values.len());
        rows.push(format!("(${}, ${}, ${})", n + 1, n + 2, n + 3));
        values.push(claim.name.as_str().into());
        values.push(claim.value.to_vec().into());
        values.push(claim.expires_at.as_millis().into());
    }

    let sql = format!(
        "INSERT INTO shared_values (name, value, expires_at) VALUES {}
            ON CONFLICT (name) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
            WHERE shared_values.expires_at <= $1 RETURNING name",
        rows.join(", ")
    );

    let mut taken = vec![false; claims.len()];
    for row in database.query(sql, values).await? {
        let name: String = row.try_get_by_index(0)?;
        if let Some(place) = first.get(name.as_str()) {
            taken[*place] = true;
        }
    }
    Ok(taken)
}

impl From<database::Error> for CacheError {
    fn from(error: database::Error) -> Self {
        Self::Database(error)
    }
}
