//! The rows of the point of sale: taps, their states, and their refunds.
//!
//! Only this file and `terminals` contain SQL.

use admin_client::CreatedIncomingPayment;
use clock::Timestamp;
use database::{Database, Error, Migrations, Step, Subscription, WriteTransaction};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::outcome::{Names, Outcome};
use crate::wire::TapRequest;

/// The tables of the point of sale.
pub const MIGRATIONS: Migrations = Migrations {
    store: "point_of_sale",
    steps: &[
        Step { name: "0001_point_of_sale", sql: include_str!("migrations/0001_point_of_sale.sql") },
        Step { name: "0002_refund_rounds", sql: include_str!("migrations/0002_refund_rounds.sql") },
    ],
};

/// The state of a presented card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TapState {
    /// It was stored, and nothing was done.
    Received,
    /// Payer and payee are known. The incoming payment is to be created.
    Creating { card_service: String, receiver: Uuid },
    /// The payer's card service has the request.
    Asking { card_service: String, incoming: CreatedIncomingPayment },
    /// The card service approved. The money is under way.
    Awaiting { incoming: CreatedIncomingPayment },
    /// It fails for this reason, unless the whole amount has arrived when the incoming payment is closed.
    Closing { incoming: CreatedIncomingPayment, because: Outcome },
    /// It has a result.
    Settled { outcome: Outcome },
}

/// The state of a refund.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Refund {
    /// It was requested, by the merchant or because only a part arrived.
    Asked,
    /// The incoming payment at the payer's institution exists.
    Expected {
        receiver: String,
        /// Since when the payment may have been asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<Timestamp>,
    },
    /// The outgoing payment is under way.
    Paying { payment: Uuid },
    /// It has arrived.
    Done { payment: Uuid },
    /// It failed.
    Failed {
        reason: String,
        #[serde(default)]
        again: Again,
    },
}

/// Whether a refund that failed can be asked for again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Again {
    /// Money may have been paid. A person has to decide.
    #[default]
    No,
    /// Nothing was paid, and nothing will be.
    Yes,
}

impl Refund {
    /// Its name in answers and metrics.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Asked | Self::Expected { .. } | Self::Paying { .. } => "pending",
            Self::Done { .. } => "refunded",
            Self::Failed { .. } => "failed",
        }
    }
}

/// A stored tap.
#[derive(Clone, Debug)]
pub(crate) struct StoredTap {
    pub(crate) id: Uuid,
    pub(crate) request: TapRequest,
    pub(crate) digest: String,
    pub(crate) merchant: String,
    pub(crate) state: TapState,
    pub(crate) incoming_payment: Option<Uuid>,
    pub(crate) deadline: Timestamp,
    pub(crate) refund: Option<Refund>,
    /// How often the refund was asked for again after it had failed.
    pub(crate) refund_round: i64,
}

impl StoredTap {
    pub(crate) fn outcome(&self) -> Option<&Outcome> {
        match &self.state {
            TapState::Settled { outcome } => Some(outcome),
            _ => None,
        }
    }

    pub(crate) fn names(&self) -> Names {
        let given_by_terminal = self.request.request_id.is_some();
        Names { id: self.id, incoming_payment: self.incoming_payment, given_by_terminal }
    }
}

/// A merchant's total in one asset with one result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Total {
    pub(crate) asset_code: String,
    pub(crate) asset_scale: i64,
    pub(crate) result: String,
    pub(crate) refund: Option<String>,
    pub(crate) count: i64,
    /// In the asset's smallest unit.
    pub(crate) value: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Store {
    database: Database,
}

const TAP: &str = "SELECT id, body, digest, merchant, state, incoming_payment_id, deadline, refund, refund_round
    FROM pos_taps";

impl Store {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    pub(crate) async fn find(&self, id: Uuid) -> Result<Option<StoredTap>, Error> {
        self.find_where("id = $1", id).await
    }

    pub(crate) async fn find_by_incoming_payment(&self, incoming: Uuid) -> Result<Option<StoredTap>, Error> {
        self.find_where("incoming_payment_id = $1", incoming).await
    }

    async fn find_where(&self, condition: &str, id: Uuid) -> Result<Option<StoredTap>, Error> {
        let sql = format!("{TAP} WHERE {condition}");
        self.rows(&sql, [id.into()]).await?.first().map(read).transpose()
    }

    /// Stores the state of a tap. A tap with a result does not change.
    pub(crate) async fn advance(&self, id: Uuid, state: &TapState) -> Result<(), Error> {
        let sql = "UPDATE pos_taps SET state = $2, incoming_payment_id = COALESCE($3, incoming_payment_id)
            WHERE id = $1 AND settled_at IS NULL";
        let incoming = match state {
            TapState::Asking { incoming, .. }
            | TapState::Awaiting { incoming }
            | TapState::Closing { incoming, .. } => Some(incoming.id),
            TapState::Received | TapState::Creating { .. } | TapState::Settled { .. } => None,
        };
        self.database.execute(sql, [id.into(), json(state).into(), incoming.into()]).await.map(drop)
    }

    /// Stores the next state of a refund; `false` if it has another state than `kept` says.
    pub(crate) async fn advance_refund(&self, kept: &StoredTap, refund: &Refund) -> Result<bool, Error> {
        let sql = "UPDATE pos_taps SET refund = $2
            WHERE id = $1 AND refunded_at IS NULL AND refund = $3 AND refund_round = $4";
        let values = [kept.id.into(), json(refund).into(), json(&kept.refund).into(), kept.refund_round.into()];
        Ok(self.database.execute(sql, values).await? > 0)
    }

    /// The merchant's totals between two times, by asset and result.
    pub(crate) async fn totals(&self, merchant: &str, from: Timestamp, to: Timestamp) -> Result<Vec<Total>, Error> {
        let sql = "SELECT asset_code, asset_scale, result, refund_result, COUNT(*), CAST(SUM(amount) AS text) FROM (
                SELECT asset_code, asset_scale, COALESCE(result, 'pending') AS result, amount,
                    CASE WHEN refund IS NULL THEN NULL WHEN refunded_at IS NULL THEN 'pending'
                        WHEN refund LIKE '{\"done\"%' THEN 'refunded' ELSE 'failed' END AS refund_result
                FROM pos_taps WHERE merchant = $1 AND received_at >= $2 AND received_at < $3) AS taps
            GROUP BY asset_code, asset_scale, result, refund_result ORDER BY asset_code, asset_scale, result";
        let rows = self.rows(sql, [merchant.into(), from.as_millis().into(), to.as_millis().into()]).await?;
        rows.iter()
            .map(|row| {
                Ok(Total {
                    asset_code: row.try_get_by_index(0)?,
                    asset_scale: row.try_get_by_index(1)?,
                    result: row.try_get_by_index(2)?,
                    refund: row.try_get_by_index(3)?,
                    count: row.try_get_by_index(4)?,
                    value: row.try_get_by_index(5)?,
                })
            })
            .collect()
    }

    /// Signals results of the taps in the same shard as this one.
    pub(crate) fn ends(&self, id: Uuid) -> Subscription {
        self.database.subscribe(&topic(id))
    }

    async fn rows<const N: usize>(&self, sql: &str, values: [Value; N]) -> Result<Vec<QueryResult>, Error> {
        let reader = self.database.reader();
        let statement = Statement::from_sql_and_values(reader.get_database_backend(), sql, values);
        Ok(reader.query_all_raw(statement).await?)
    }
}

/// Stores a tap; `false` if its id exists.
pub(crate) async fn insert(
    transaction: &WriteTransaction,
    id: Uuid,
    request: &TapRequest,
    terminal: Option<&str>,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<bool, Error> {
    let sql = "INSERT INTO pos_taps (id, digest, body, terminal, merchant, asset_code, asset_scale, amount, state,
            received_at, deadline) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (id) DO NOTHING";
    let values = [
        id.into(),
        request.digest().into(),
        json(request).into(),
        terminal.into(),
        request.merchant().into(),
        request.amount.asset_code.as_str().into(),
        i64::from(request.amount.asset_scale).into(),
        i64::try_from(request.amount.value).unwrap_or(i64::MAX).into(),
        json(&TapState::Received).into(),
        now.as_millis().into(),
        deadline.as_millis().into(),
    ];
    Ok(execute(transaction, sql, values).await? > 0)
}

/// Stores the result of a tap, and wakes its waiters. The first result stays; `false` if there was one.
pub(crate) async fn settle(
    transaction: &WriteTransaction,
    id: Uuid,
    outcome: &Outcome,
    now: Timestamp,
) -> Result<bool, Error> {
    let sql = "UPDATE pos_taps SET state = $2, result = $3, settled_at = $4 WHERE id = $1 AND settled_at IS NULL";
    let state = json(&TapState::Settled { outcome: outcome.clone() });
    let settled =
        execute(transaction, sql, [id.into(), state.into(), outcome.name().into(), now.as_millis().into()]).await?;
    transaction.wake_on_commit(&topic(id));
    Ok(settled > 0)
}

/// Starts a refund; `false` if one exists.
pub(crate) async fn ask_refund(transaction: &WriteTransaction, id: Uuid) -> Result<bool, Error> {
    let sql = "UPDATE pos_taps SET refund = $2 WHERE id = $1 AND refund IS NULL";
    Ok(execute(transaction, sql, [id.into(), json(&Refund::Asked).into()]).await? > 0)
}

/// Starts a refund that has failed again, under new names; `false` if it has another state than `kept` says.
pub(crate) async fn ask_refund_again(transaction: &WriteTransaction, kept: &StoredTap) -> Result<bool, Error> {
    let sql = "UPDATE pos_taps SET refund = $2, refunded_at = NULL, refund_round = refund_round + 1
        WHERE id = $1 AND refund = $3 AND refund_round = $4";
    let values = [kept.id.into(), json(&Refund::Asked).into(), json(&kept.refund).into(), kept.refund_round.into()];
    Ok(execute(transaction, sql, values).await? > 0)
}

/// Stores the result of a refund; `false` if it has another state than `kept` says.
pub(crate) async fn settle_refund(
    transaction: &WriteTransaction,
    kept: &StoredTap,
    refund: &Refund,
    now: Timestamp,
) -> Result<bool, Error> {
    let sql = "UPDATE pos_taps SET refund = $2, refunded_at = $5
        WHERE id = $1 AND refunded_at IS NULL AND refund = $3 AND refund_round = $4";
    let values = [
        kept.id.into(),
        json(refund).into(),
        json(&kept.refund).into(),
        kept.refund_round.into(),
        now.as_millis().into(),
    ];
    Ok(execute(transaction, sql, values).await? > 0)
}

/// Taps share a few topics, because a topic is never removed.
fn topic(id: Uuid) -> String {
    format!("taps {:x}", id.as_bytes()[15] & 0x3f)
}

fn read(row: &QueryResult) -> Result<StoredTap, Error> {
    let id: Uuid = row.try_get_by_index(0)?;
    let (body, state, refund): (String, String, Option<String>) =
        (row.try_get_by_index(1)?, row.try_get_by_index(4)?, row.try_get_by_index(7)?);
    let wrong = |column| Error::inconsistent("pos_taps", column, id);
    Ok(StoredTap {
        id,
        request: serde_json::from_str(&body).map_err(|_| wrong("body"))?,
        digest: row.try_get_by_index(2)?,
        merchant: row.try_get_by_index(3)?,
        state: serde_json::from_str(&state).map_err(|_| wrong("state"))?,
        incoming_payment: row.try_get_by_index(5)?,
        deadline: Timestamp::from_millis(row.try_get_by_index(6)?),
        refund: refund.map(|refund| serde_json::from_str(&refund).map_err(|_| wrong("refund"))).transpose()?,
        refund_round: row.try_get_by_index(8)?,
    })
}

fn json(value: &impl Serialize) -> String {
    // It contains only texts, numbers and names.
    serde_json::to_string(value).unwrap_or_default()
}

async fn execute<const N: usize>(transaction: &WriteTransaction, sql: &str, values: [Value; N]) -> Result<u64, Error> {
    let statement = Statement::from_sql_and_values(transaction.get_database_backend(), sql, values);
    Ok(transaction.execute_raw(statement).await?.rows_affected())
}
