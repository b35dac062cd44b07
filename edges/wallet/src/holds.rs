//! What is held for each payment, and what was decided about it: to fund it, to give it up, or to settle it.
//!
//! The money itself is in the ledger. A decision is stored here first, under the lock of its row, and carried out
//! afterwards. So several processes decide alike, and a process that stops in between is continued by another one.

use clock::Timestamp;
use database::{Database, Dialect, Error, WriteTransaction};
use sea_orm::QueryResult;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::account_state::{self, Shut};
use crate::fees::FeeRule;
use crate::sql::{amount, execute, read_one, stored};

/// How far a hold is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum HoldState {
    /// Nothing is decided yet.
    Held,
    /// The payment gets its money. From now on only the instance can say that it is not made.
    Funding,
    /// The payment was not made. The money goes back.
    Releasing,
    /// The payment has ended. What it cost is debited.
    Settling,
    /// The money went back.
    Released,
    /// What the payment cost is debited, and the rest went back.
    Settled,
}

impl HoldState {
    const ALL: [Self; 6] = [Self::Held, Self::Funding, Self::Releasing, Self::Settling, Self::Released, Self::Settled];

    fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Funding => "funding",
            Self::Releasing => "releasing",
            Self::Settling => "settling",
            Self::Released => "released",
            Self::Settled => "settled",
        }
    }
}

/// The fee that the payment will cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Terms {
    /// The customer saw this fee and agreed.
    Confirmed(u64),
    /// The rule that was in force when the money was held.
    Rule(FeeRule),
    /// It was held before terms were stored.
    Unknown,
}

/// What is held for a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HoldRow {
    /// The payment, which has the id of its quote.
    pub(crate) payment: Uuid,
    pub(crate) account: Uuid,
    /// The most that the payment may cost.
    pub(crate) debit: u64,
    pub(crate) terms: Terms,
    pub(crate) state: HoldState,
}

const COLUMNS: &str = "payment_id, account_id, debit, fee, fee_fixed, fee_basis_points, state";

/// Stores a new hold, before the ledger holds the money. If there is one of this payment, that one counts.
pub(crate) async fn open(database: &Database, new: HoldRow, now: Timestamp) -> Result<HoldRow, Error> {
    let (fee, rule) = match new.terms {
        Terms::Confirmed(fee) => (Some(stored(fee)), None),
        Terms::Rule(rule) => (None, Some(rule)),
        Terms::Unknown => (None, None),
    };
    let sql = "INSERT INTO wallet_holds
            (payment_id, account_id, debit, fee, fee_fixed, fee_basis_points, state, looked_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (payment_id) DO NOTHING";
    let values = [
        new.payment.into(),
        new.account.into(),
        stored(new.debit).into(),
        fee.into(),
        rule.map(|rule| stored(rule.fixed)).into(),
        rule.map(|rule| i64::from(rule.basis_points)).into(),
        new.state.as_str().into(),
        now.as_millis().into(),
    ];
    if database.execute(sql, values).await? > 0 {
        return Ok(new);
    }
    of(database, new.payment).await?.ok_or_else(|| Error::inconsistent("wallet_holds", "payment_id", new.payment))
}

/// The hold of a payment.
pub(crate) async fn of(database: &Database, payment: Uuid) -> Result<Option<HoldRow>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM wallet_holds WHERE payment_id = $1");
    read_one(database, &sql, [payment.into()]).await?.as_ref().map(row).transpose()
}

/// Whether a payment gets its money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Funding {
    Yes,
    /// No money leaves its account. What is held goes back.
    Shut(Shut),
    /// Something else was decided before.
    Otherwise,
}

/// Decides that the payment gets its money, if money may leave its account. What was decided before stays decided.
pub(crate) async fn fund(database: &Database, payment: Uuid, account: Uuid) -> Result<Funding, Error> {
    let transaction = database.begin().await?;
    let shut = account_state::shut(&transaction, account).await?;
    let go = |from: HoldState, to: HoldState| step(&transaction, payment, from, to);
    let funding = if go(HoldState::Funding, HoldState::Funding).await? {
        Funding::Yes
    } else {
        let (to, funding) = match shut {
            None => (HoldState::Funding, Funding::Yes),
            Some(shut) => (HoldState::Releasing, Funding::Shut(shut)),
        };
        if go(HoldState::Held, to).await? { funding } else { Funding::Otherwise }
    };
    transaction.commit().await?;
    Ok(funding)
}

async fn step(transaction: &WriteTransaction, payment: Uuid, from: HoldState, to: HoldState) -> Result<bool, Error> {
    let sql = "UPDATE wallet_holds SET state = $3 WHERE payment_id = $1 AND state = $2";
    Ok(execute(transaction, sql, [payment.into(), from.as_str().into(), to.as_str().into()]).await? > 0)
}

/// Decides that a payment that nobody has funded is not made. `false` if something else was decided before.
pub(crate) async fn give_up(database: &Database, payment: Uuid) -> Result<bool, Error> {
    decide(database, payment, HoldState::Releasing, "'held', 'releasing'").await
}

/// Stores that the instance has not made the payment, and never will.
pub(crate) async fn was_not_made(database: &Database, payment: Uuid) -> Result<bool, Error> {
    decide(database, payment, HoldState::Releasing, "'held', 'funding', 'releasing'").await
}

/// Stores that the instance has ended the payment. That counts, whatever was decided here.
pub(crate) async fn settle(database: &Database, payment: Uuid) -> Result<bool, Error> {
    decide(database, payment, HoldState::Settling, "'held', 'funding', 'releasing', 'released', 'settling'").await
}

/// Stores that the money went back, or that none was held.
pub(crate) async fn released(database: &Database, payment: Uuid) -> Result<(), Error> {
    decide(database, payment, HoldState::Released, "'held', 'releasing'").await.map(drop)
}

/// Stores that the payment is debited.
pub(crate) async fn settled(database: &Database, payment: Uuid) -> Result<(), Error> {
    decide(database, payment, HoldState::Settled, "'settling'").await.map(drop)
}

async fn decide(database: &Database, payment: Uuid, to: HoldState, from: &str) -> Result<bool, Error> {
    let sql = format!("UPDATE wallet_holds SET state = $2 WHERE payment_id = $1 AND state IN ({from})");
    Ok(database.execute(&sql, [payment.into(), to.as_str().into()]).await? > 0)
}

/// Open holds that nobody has looked at since `before`, the oldest first. From now on they count as looked at, so no
/// other process takes them at the same time.
pub(crate) async fn take_old(
    database: &Database,
    before: Timestamp,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<HoldRow>, Error> {
    let lock = if database.dialect() == Dialect::Postgres { " FOR UPDATE SKIP LOCKED" } else { "" };
    let sql = format!(
        "UPDATE wallet_holds SET looked_at = $2 WHERE payment_id IN (
            SELECT payment_id FROM wallet_holds WHERE state NOT IN ('settled', 'released') AND looked_at <= $1
            ORDER BY looked_at LIMIT {limit}{lock}) RETURNING {COLUMNS}"
    );
    let rows = database.query(&sql, [before.as_millis().into(), now.as_millis().into()]).await?;
    rows.iter().map(row).collect()
}

fn row(row: &QueryResult) -> Result<HoldRow, Error> {
    let payment: Uuid = row.try_get_by_index(0)?;
    let wrong = |column| Error::inconsistent("wallet_holds", column, payment);
    let (fee, fixed, basis_points): (Option<i64>, Option<i64>, Option<i64>) =
        (row.try_get_by_index(3)?, row.try_get_by_index(4)?, row.try_get_by_index(5)?);
    let terms = match (fee, fixed, basis_points) {
        (Some(fee), _, _) => Terms::Confirmed(amount(fee)),
        (None, Some(fixed), Some(points)) => {
            let basis_points = u16::try_from(points).map_err(|_| wrong("fee_basis_points"))?;
            Terms::Rule(FeeRule { fixed: amount(fixed), basis_points })
        }
        _ => Terms::Unknown,
    };
    let state: String = row.try_get_by_index(6)?;
    let state = HoldState::ALL.into_iter().find(|known| known.as_str() == state).ok_or_else(|| wrong("state"))?;
    Ok(HoldRow { payment, account: row.try_get_by_index(1)?, debit: amount(row.try_get_by_index(2)?), terms, state })
}
