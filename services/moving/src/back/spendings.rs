//! What payments have spent under their grants, read grant by grant.
//! Other rows are read in `filling`.

use std::collections::BTreeMap;

use clock::Timestamp;
use database::sea_orm::QueryResult;
use database::{Dialect, Error, Snapshot};
use rafiki_tables::back::spending::{
    Amounts, AssetName, Period, Spending, SpentLog, SpentSide, Totals, WHOLE_LIFE, log,
};
use uuid::Uuid;

use crate::back::{BackPlan, ExportError};
use crate::progress::texts_of;

/// How many grants are read at once.
const GRANTS: i64 = 500;

/// What was spent under one grant.
pub(crate) struct OfGrant {
    id: String,
    spendings: Vec<Spending>,
    totals: Totals,
}

impl OfGrant {
    pub(crate) fn log(self) -> SpentLog {
        log(&self.id, &self.spendings, self.totals)
    }
}

/// How far the grants were read.
#[derive(Default)]
pub(crate) struct Spendings {
    after: String,
}

impl Spendings {
    /// The next grants; `None` after the last.
    pub(crate) async fn next(&mut self, ours: &Snapshot) -> Result<Option<Vec<OfGrant>>, ExportError> {
        let sql = "SELECT id FROM outgoing_payment_grants WHERE id > $1 ORDER BY id LIMIT $2";
        let rows = ours.bulk_query(sql, [self.after.as_str().into(), GRANTS.into()]).await?;
        let ids: Vec<String> =
            rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, _>>().map_err(Error::from)?;
        let Some(last) = ids.last() else { return Ok(None) };
        self.after.clone_from(last);
        let mut grants: BTreeMap<String, OfGrant> = BTreeMap::new();
        for id in &ids {
            let grant = OfGrant { id: id.clone(), spendings: Vec::new(), totals: Totals::new() };
            grants.insert(id.clone(), grant);
        }
        let list = serde_json::to_string(&ids).unwrap_or_default();
        for row in ours.bulk_query(&spendings_sql(ours.dialect()), [list.as_str().into()]).await? {
            let (grant, spending) = spending(&row).map_err(Error::from)?;
            grants.entry(grant).and_modify(|of| of.spendings.push(spending));
        }
        for row in ours.bulk_query(&totals_sql(ours.dialect()), [list.into()]).await? {
            let (grant, key, amount) = total(&row).map_err(Error::from)?;
            grants.entry(grant).and_modify(|of| {
                of.totals.insert(key, amount);
            });
        }
        Ok(Some(grants.into_values().collect()))
    }
}

fn spendings_sql(dialect: Dialect) -> String {
    format!(
        "SELECT s.grant_id, s.outgoing_payment_id, p.state, s.period_start, s.period_end, s.reserved_debit,
            s.reserved_receive, s.actual_debit, s.actual_receive, s.created_at, s.settled_at, a.code,
            CAST(a.scale AS bigint), q.receive_asset_code, CAST(q.receive_asset_scale AS bigint)
        FROM outgoing_payment_grant_spendings s
        JOIN outgoing_payments p ON p.id = s.outgoing_payment_id
        JOIN quotes q ON q.id = s.outgoing_payment_id
        JOIN assets a ON a.id = q.asset_id
        WHERE s.grant_id IN ({})",
        texts_of(dialect, "$1")
    )
}

fn totals_sql(dialect: Dialect) -> String {
    format!(
        "SELECT grant_id, period_start, side, asset_code, CAST(asset_scale AS bigint), amount
        FROM outgoing_payment_grant_spent WHERE grant_id IN ({})",
        texts_of(dialect, "$1")
    )
}

type Read<T> = Result<T, database::sea_orm::DbErr>;

fn amount(row: &QueryResult, column: usize) -> Read<u64> {
    Ok(row.try_get_by_index::<i64>(column)?.unsigned_abs())
}

fn instant(row: &QueryResult, column: usize) -> Read<Option<Timestamp>> {
    Ok(row.try_get_by_index::<Option<i64>>(column)?.map(Timestamp::from_millis))
}

fn asset(row: &QueryResult, code: usize, scale: usize) -> Read<AssetName> {
    let scale: i64 = row.try_get_by_index(scale)?;
    Ok(AssetName { code: row.try_get_by_index(code)?, scale: u8::try_from(scale).unwrap_or(u8::MAX) })
}

fn spending(row: &QueryResult) -> Read<(String, Spending)> {
    let actual = match row.try_get_by_index::<Option<i64>>(7)? {
        None => None,
        Some(debit) => {
            let amounts = Amounts { debit: debit.unsigned_abs(), receive: amount(row, 8)? };
            let settled_at = instant(row, 10)?.or(instant(row, 9)?);
            settled_at.map(|at| (amounts, at))
        }
    };
    let spending = Spending {
        payment: row.try_get_by_index::<Uuid>(1)?,
        state: row.try_get_by_index(2)?,
        period: instant(row, 3)?.zip(instant(row, 4)?),
        reserved: Amounts { debit: amount(row, 5)?, receive: amount(row, 6)? },
        actual,
        created_at: Timestamp::from_millis(row.try_get_by_index(9)?),
        debit_asset: asset(row, 11, 12)?,
        receive_asset: asset(row, 13, 14)?,
    };
    Ok((row.try_get_by_index(0)?, spending))
}

fn total(row: &QueryResult) -> Read<(String, (Period, SpentSide, AssetName), u64)> {
    let side: String = row.try_get_by_index(2)?;
    let side = if side == "DEBIT" { SpentSide::Debit } else { SpentSide::Receive };
    let key = (row.try_get_by_index(1)?, side, asset(row, 3, 4)?);
    Ok((row.try_get_by_index(0)?, key, amount(row, 5)?))
}

impl BackPlan {
    /// Counts what the log of a grant does not show.
    pub(crate) fn leave_out(&mut self, period: Period, side: SpentSide, amount: u64) {
        let place = match (period == WHOLE_LIFE, side) {
            (true, SpentSide::Debit) => 0,
            (true, SpentSide::Receive) => 1,
            (false, SpentSide::Debit) => 2,
            (false, SpentSide::Receive) => return,
        };
        self.left_out[place] = self.left_out[place].saturating_add(amount);
        *self.changes.entry(rafiki_tables::back::BackChange::OtherAssetsLeftOut).or_default() += 1;
    }
}
