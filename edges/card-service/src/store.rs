//! The rows of the card service: its requests, and their states.
//!
//! Only this file contains SQL.

use clock::Timestamp;
use database::{Database, Error, Migrations, Step, Subscription, WriteTransaction};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::outcome::Outcome;
use crate::wire::PaymentRequest;

/// The tables of the card service.
pub const MIGRATIONS: Migrations = Migrations {
    store: "card_service",
    steps: &[Step { name: "0001_card_service", sql: include_str!("migrations/0001_card_service.sql") }],
};

/// The state of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RequestState {
    /// It was stored, and nothing was done.
    Received,
    /// The payment is being created. Creating it again finds out whether it exists.
    Creating,
    /// The payment waits for the decision of the account-servicing entity.
    Paying { payment: Uuid },
    /// It has a result.
    Settled { outcome: Outcome },
}

/// A stored request.
#[derive(Clone, Debug)]
pub(crate) struct StoredRequest {
    pub(crate) request: PaymentRequest,
    pub(crate) digest: String,
    pub(crate) state: RequestState,
    pub(crate) deadline: Timestamp,
}

impl StoredRequest {
    pub(crate) fn outcome(&self) -> Option<&Outcome> {
        match &self.state {
            RequestState::Settled { outcome } => Some(outcome),
            RequestState::Received | RequestState::Creating | RequestState::Paying { .. } => None,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Store {
    database: Database,
}

impl Store {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    pub(crate) async fn find(&self, request_id: Uuid) -> Result<Option<StoredRequest>, Error> {
        let sql = "SELECT body, digest, state, deadline FROM card_requests WHERE request_id = $1";
        let reader = self.database.reader();
        let backend = reader.get_database_backend();
        let row = reader.query_one_raw(Statement::from_sql_and_values(backend, sql, [request_id.into()])).await?;
        row.map(|row| read(&row, request_id)).transpose()
    }

    /// Stores the state of a request. A request with a result does not change.
    pub(crate) async fn advance(&self, request_id: Uuid, state: &RequestState) -> Result<(), Error> {
        let sql = "UPDATE card_requests SET state = $2 WHERE request_id = $1 AND settled_at IS NULL";
        self.database.execute(sql, [request_id.into(), json(state).into()]).await.map(drop)
    }

    /// Signals results of the requests in the same shard as this one.
    pub(crate) fn ends(&self, request_id: Uuid) -> Subscription {
        self.database.subscribe(&topic(request_id))
    }

    /// Deletes requests that ended before `before`.
    pub(crate) async fn forget(&self, before: Timestamp) -> Result<u64, Error> {
        let sql = "DELETE FROM card_requests WHERE settled_at < $1";
        self.database.execute(sql, [before.as_millis().into()]).await
    }
}

/// Stores a request; `false` if its id exists.
pub(crate) async fn insert(
    transaction: &WriteTransaction,
    request: &PaymentRequest,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<bool, Error> {
    let sql = "INSERT INTO card_requests (request_id, digest, body, state, received_at, deadline)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (request_id) DO NOTHING";
    let values = [
        request.request_id.into(),
        request.digest().into(),
        json(request).into(),
        json(&RequestState::Received).into(),
        now.as_millis().into(),
        deadline.as_millis().into(),
    ];
    Ok(execute(transaction, sql, values).await? > 0)
}

/// Stores the result of a request, and wakes its waiters. The first result stays.
pub(crate) async fn settle(
    transaction: &WriteTransaction,
    request_id: Uuid,
    outcome: Outcome,
    now: Timestamp,
) -> Result<(), Error> {
    let sql = "UPDATE card_requests SET state = $2, settled_at = $3 WHERE request_id = $1 AND settled_at IS NULL";
    let state = json(&RequestState::Settled { outcome });
    execute(transaction, sql, [request_id.into(), state.into(), now.as_millis().into()]).await?;
    transaction.wake_on_commit(&topic(request_id));
    Ok(())
}

/// Requests share a few topics, because a topic is never removed.
fn topic(request_id: Uuid) -> String {
    format!("card requests {:x}", request_id.as_bytes()[15] & 0x3f)
}

fn read(row: &QueryResult, request_id: Uuid) -> Result<StoredRequest, Error> {
    let (body, state): (String, String) = (row.try_get_by_index(0)?, row.try_get_by_index(2)?);
    let wrong = |column| Error::inconsistent("card_requests", column, request_id);
    Ok(StoredRequest {
        request: serde_json::from_str(&body).map_err(|_| wrong("body"))?,
        digest: row.try_get_by_index(1)?,
        state: serde_json::from_str(&state).map_err(|_| wrong("state"))?,
        deadline: Timestamp::from_millis(row.try_get_by_index(3)?),
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
