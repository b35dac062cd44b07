//! What the instance told of low liquidity, and what the wallet did about it.
//!
//! What is to be done is decided once, under the lock of the resource's row, and stored with the event. So a repetition,
//! and another process, do the same.

use std::time::Duration;

use clock::Timestamp;
use database::{Database, Dialect, Error, WriteTransaction};
use money::Asset;
use sea_orm::QueryResult;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::sql::{amount, execute, one, read, stored};

/// At most one deposit for a resource in this time.
const INTERVAL: Duration = Duration::from_mins(1);
/// Deposits of this time before an event count for the most of a day.
const DAY: Duration = Duration::from_hours(24);
/// Amounts are added up in two parts, because the sum of large ones would not fit a column.
const MILLION: u64 = 1_000_000;

/// What has too little liquidity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Resource {
    Asset,
    Peer,
}

impl Resource {
    fn as_str(self) -> &'static str {
        match self {
            Self::Asset => "asset",
            Self::Peer => "peer",
        }
    }
}

/// What was done about an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A deposit was decided and is being made.
    Depositing(u64),
    Deposited(u64),
    /// Deposits by the wallet itself are off.
    Off,
    /// There was a deposit within a minute before.
    TooSoon,
    /// The deposits of a day would be more than is allowed.
    DayIsFull,
    /// The asset or peer does not exist any more.
    Gone,
}

impl Answer {
    fn parts(self) -> (&'static str, u64) {
        match self {
            Self::Depositing(amount) => ("depositing", amount),
            Self::Deposited(amount) => ("deposited", amount),
            Self::Off => ("off", 0),
            Self::TooSoon => ("too-soon", 0),
            Self::DayIsFull => ("day-full", 0),
            Self::Gone => ("gone", 0),
        }
    }

    fn read(word: &str, amount: u64) -> Option<Self> {
        Some(match word {
            "depositing" => Self::Depositing(amount),
            "deposited" => Self::Deposited(amount),
            "off" => Self::Off,
            "too-soon" => Self::TooSoon,
            "day-full" => Self::DayIsFull,
            "gone" => Self::Gone,
            _ => return None,
        })
    }
}

/// An event that told of low liquidity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LowLiquidity {
    pub(crate) event: Uuid,
    pub(crate) id: Uuid,
    pub(crate) resource: Resource,
    pub(crate) asset: Asset,
    /// As the event says it.
    pub(crate) threshold: Option<String>,
    pub(crate) balance: Option<String>,
    pub(crate) told_at: Timestamp,
}

/// What the wallet deposits by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Topup {
    /// 0: nothing.
    pub(crate) amount: u64,
    /// The most within 24 hours for one asset or peer.
    pub(crate) day_max: Option<u64>,
}

/// Decides what is done about an event. It stays decided.
pub(crate) async fn decide(database: &Database, low: &LowLiquidity, topup: Topup) -> Result<Answer, Error> {
    let transaction = database.begin().await?;
    let before = locked(&transaction, low).await?;
    let known = "SELECT answer, amount FROM wallet_low_liquidity WHERE event_id = $1";
    if let Some(row) = one(&transaction, known, [low.event.into()]).await? {
        return answer(low.event, &row, 0);
    }
    let answer = if topup.amount == 0 {
        Answer::Off
    } else if before.is_some_and(|before| before.is_for_another_event_lately(low)) {
        Answer::TooSoon
    } else if let Some(most) = topup.day_max
        && deposited(&transaction, low).await?.saturating_add(topup.amount) > most
    {
        Answer::DayIsFull
    } else {
        let sql = "UPDATE wallet_topups SET event_id = $2, made_at = $3 WHERE resource_id = $1";
        execute(&transaction, sql, [low.id.into(), low.event.into(), low.told_at.as_millis().into()]).await?;
        Answer::Depositing(topup.amount)
    };
    write(&transaction, low, answer).await?;
    transaction.commit().await?;
    Ok(answer)
}

/// The last deposit of the wallet for a resource.
struct Before {
    event: Uuid,
    made_at: Timestamp,
}

impl Before {
    fn is_for_another_event_lately(&self, low: &LowLiquidity) -> bool {
        self.event != low.event && self.made_at > low.told_at.saturating_sub(INTERVAL)
    }
}

/// The last deposit of the wallet for this resource. Its row is locked until the end of the transaction.
async fn locked(transaction: &WriteTransaction, low: &LowLiquidity) -> Result<Option<Before>, Error> {
    let sql = "INSERT INTO wallet_topups (resource_id, event_id, made_at) VALUES ($1, $2, $3)
        ON CONFLICT (resource_id) DO NOTHING";
    if execute(transaction, sql, [low.id.into(), low.event.into(), i64::MIN.into()]).await? > 0 {
        return Ok(None);
    }
    // SQLite has one writer at a time.
    let lock = if transaction.dialect() == Dialect::Postgres { " FOR UPDATE" } else { "" };
    let sql = format!("SELECT event_id, made_at FROM wallet_topups WHERE resource_id = $1{lock}");
    let row = one(transaction, &sql, [low.id.into()]).await?;
    let before = |row: QueryResult| {
        Ok(Before { event: row.try_get_by_index(0)?, made_at: Timestamp::from_millis(row.try_get_by_index(1)?) })
    };
    row.map(before).transpose()
}

/// What was deposited for this resource within a day.
async fn deposited(transaction: &WriteTransaction, low: &LowLiquidity) -> Result<u64, Error> {
    let sql = format!(
        "SELECT CAST(SUM(amount / {MILLION}) AS bigint), CAST(SUM(amount % {MILLION}) AS bigint)
        FROM wallet_low_liquidity WHERE resource_id = $1 AND told_at > $2"
    );
    let since = low.told_at.saturating_sub(DAY).as_millis();
    let Some(row) = one(transaction, &sql, [low.id.into(), since.into()]).await? else { return Ok(0) };
    let (millions, rest): (Option<i64>, Option<i64>) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
    let [millions, rest] = [millions, rest].map(|part| amount(part.unwrap_or(0)));
    Ok(millions.saturating_mul(MILLION).saturating_add(rest))
}

async fn write(transaction: &WriteTransaction, low: &LowLiquidity, answer: Answer) -> Result<(), Error> {
    let sql = "INSERT INTO wallet_low_liquidity (event_id, resource_id, kind, asset_code, asset_scale, threshold,
            balance, answer, amount, told_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let (word, amount) = answer.parts();
    let values = [
        low.event.into(),
        low.id.into(),
        low.resource.as_str().into(),
        low.asset.code.as_str().into(),
        i64::from(low.asset.scale).into(),
        low.threshold.clone().into(),
        low.balance.clone().into(),
        word.into(),
        stored(amount).into(),
        low.told_at.as_millis().into(),
    ];
    execute(transaction, sql, values).await.map(drop)
}

/// Notes how a deposit ended.
pub(crate) async fn done(database: &Database, event: Uuid, answer: Answer) -> Result<(), Error> {
    let (word, amount) = answer.parts();
    let sql = "UPDATE wallet_low_liquidity SET answer = $2, amount = $3 WHERE event_id = $1";
    database.execute(sql, [event.into(), word.into(), stored(amount).into()]).await.map(drop)
}

/// The latest events, the newest first.
pub(crate) async fn latest(database: &Database, limit: u32) -> Result<Vec<(LowLiquidity, Answer)>, Error> {
    let sql = format!(
        "SELECT answer, amount, event_id, resource_id, kind, asset_code, asset_scale, threshold, balance, told_at
        FROM wallet_low_liquidity ORDER BY told_at DESC, event_id LIMIT {limit}"
    );
    let told = |row: &QueryResult| {
        let event: Uuid = row.try_get_by_index(2)?;
        let (kind, code, scale): (String, String, i64) =
            (row.try_get_by_index(4)?, row.try_get_by_index(5)?, row.try_get_by_index(6)?);
        let asset = u8::try_from(scale).ok().and_then(|scale| Asset::new(&code, scale).ok());
        let low = LowLiquidity {
            event,
            id: row.try_get_by_index(3)?,
            resource: if kind == Resource::Peer.as_str() { Resource::Peer } else { Resource::Asset },
            asset: asset.ok_or_else(|| Error::inconsistent("wallet_low_liquidity", "asset_code", event))?,
            threshold: row.try_get_by_index(7)?,
            balance: row.try_get_by_index(8)?,
            told_at: Timestamp::from_millis(row.try_get_by_index(9)?),
        };
        Ok((low, answer(event, row, 0)?))
    };
    read(database, &sql, []).await?.iter().map(told).collect()
}

/// The answer in the two columns from this one on.
fn answer(event: Uuid, row: &QueryResult, at: usize) -> Result<Answer, Error> {
    let (word, number): (String, i64) = (row.try_get_by_index(at)?, row.try_get_by_index(at + 1)?);
    Answer::read(&word, amount(number)).ok_or_else(|| Error::inconsistent("wallet_low_liquidity", "answer", event))
}
