//! What the wallet earned with fees: by asset and day of the payments' ends, and in all.
//!
//! The rows of payments are the source. The ledger has the same sum, and the page compares both.

use clock::Timestamp;
use database::{Database, Error};
use money::Asset;
use sea_orm::QueryResult;

use crate::sql::{amount, read};

/// The length of a day, in milliseconds.
const DAY: i64 = 86_400_000;
/// Amounts are added up in two parts, because the sum of large ones would not fit a column.
const MILLION: u64 = 1_000_000;

/// What was earned in one asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Income {
    pub(crate) asset: Asset,
    pub(crate) payments: u64,
    pub(crate) fees: u64,
}

/// What was earned on one day (UTC).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IncomeDay {
    pub(crate) day: Timestamp,
    pub(crate) of: Income,
}

/// The days since an instant on which something was earned, the newest first.
pub(crate) async fn days(database: &Database, since: Timestamp) -> Result<Vec<IncomeDay>, Error> {
    let sql = format!(
        "SELECT a.asset_code, a.asset_scale, COUNT(*), CAST(SUM(m.fee / {MILLION}) AS bigint),
            CAST(SUM(m.fee % {MILLION}) AS bigint), m.ended_at / {DAY}
        FROM wallet_movements m JOIN wallet_accounts a ON a.id = m.account_id
        WHERE m.fee > 0 AND m.ended_at >= $1
        GROUP BY 1, 2, 6 ORDER BY 6 DESC, 1, 2"
    );
    let rows = read(database, &sql, [since.as_millis().into()]).await?;
    let day = |row: &QueryResult| {
        let day = Timestamp::from_millis(row.try_get_by_index::<i64>(5)?.saturating_mul(DAY));
        Ok(IncomeDay { day, of: income(row)? })
    };
    rows.iter().map(day).collect()
}

/// What was earned since an instant in each asset.
pub(crate) async fn sums(database: &Database, since: Timestamp) -> Result<Vec<Income>, Error> {
    let sql = format!(
        "SELECT a.asset_code, a.asset_scale, COUNT(*), CAST(SUM(m.fee / {MILLION}) AS bigint),
            CAST(SUM(m.fee % {MILLION}) AS bigint)
        FROM wallet_movements m JOIN wallet_accounts a ON a.id = m.account_id
        WHERE m.fee > 0 AND m.ended_at >= $1
        GROUP BY 1, 2 ORDER BY 1, 2"
    );
    read(database, &sql, [since.as_millis().into()]).await?.iter().map(income).collect()
}

fn income(row: &QueryResult) -> Result<Income, Error> {
    let (code, scale): (String, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
    let asset = u8::try_from(scale).ok().and_then(|scale| Asset::new(&code, scale).ok());
    let number = |index: usize| row.try_get_by_index::<i64>(index).map(amount);
    Ok(Income {
        asset: asset.ok_or_else(|| Error::inconsistent("wallet_accounts", "asset_code", &code))?,
        payments: number(2)?,
        fees: number(3)?.saturating_mul(MILLION).saturating_add(number(4)?),
    })
}
