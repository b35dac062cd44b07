//! The rows of the backend's database that the audit reads, by plain SQL.
//!
//! It does not use the types of the stores, because the audit must not rely on the code that it checks.

use std::collections::HashSet;

use database::Database;
use database::sea_orm::{ConnectionTrait, QueryResult, Statement};
use uuid::Uuid;

use crate::AuditError;

/// An incoming payment.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    pub(crate) id: Uuid,
    pub(crate) state: String,
    pub(crate) asked: Option<u128>,
    pub(crate) cancelled: bool,
}

impl Incoming {
    pub(crate) fn has_ended(&self) -> bool {
        self.cancelled || matches!(self.state.as_str(), "COMPLETED" | "EXPIRED")
    }
}

/// An outgoing payment.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) id: Uuid,
    pub(crate) wallet_address: Uuid,
    pub(crate) state: String,
}

impl Outgoing {
    pub(crate) fn has_ended(&self) -> bool {
        !matches!(self.state.as_str(), "FUNDING" | "SENDING")
    }
}

/// An event and what it lets its receiver withdraw.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) kind: String,
    pub(crate) outgoing_payment: Option<Uuid>,
    pub(crate) withdrawal: Option<(Uuid, u128)>,
}

pub(crate) async fn incoming_payments(database: &Database) -> Result<Vec<Incoming>, AuditError> {
    let sql = "SELECT id, state, incoming_amount, cancelled_at FROM incoming_payments";
    let read = |row: &QueryResult| -> Result<Incoming, AuditError> {
        Ok(Incoming {
            id: row.try_get_by_index(0)?,
            state: row.try_get_by_index(1)?,
            asked: row.try_get_by_index::<Option<i64>>(2)?.map(unsigned),
            cancelled: row.try_get_by_index::<Option<i64>>(3)?.is_some(),
        })
    };
    all(database, sql).await?.iter().map(read).collect()
}

pub(crate) async fn outgoing_payments(database: &Database) -> Result<Vec<Outgoing>, AuditError> {
    let read = |row: &QueryResult| -> Result<Outgoing, AuditError> {
        Ok(Outgoing {
            id: row.try_get_by_index(0)?,
            state: row.try_get_by_index(1)?,
            wallet_address: row.try_get_by_index(2)?,
        })
    };
    all(database, "SELECT id, state, wallet_address_id FROM outgoing_payments").await?.iter().map(read).collect()
}

pub(crate) async fn events(database: &Database) -> Result<Vec<Event>, AuditError> {
    let sql = "SELECT event_type, outgoing_payment_id, withdrawal_account_id, withdrawal_amount FROM webhook_events";
    let read = |row: &QueryResult| -> Result<Event, AuditError> {
        let account: Option<Uuid> = row.try_get_by_index(2)?;
        let amount: Option<i64> = row.try_get_by_index(3)?;
        Ok(Event {
            kind: row.try_get_by_index(0)?,
            outgoing_payment: row.try_get_by_index(1)?,
            withdrawal: account.zip(amount.map(unsigned)),
        })
    };
    all(database, sql).await?.iter().map(read).collect()
}

/// The ids of all wallet addresses, which are also those of their ledger accounts.
pub(crate) async fn wallet_addresses(database: &Database) -> Result<Vec<Uuid>, AuditError> {
    all(database, "SELECT id FROM wallet_addresses").await?.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}

/// The wallet addresses for which a job waits to announce money.
pub(crate) async fn addresses_with_money_to_announce(database: &Database) -> Result<HashSet<Uuid>, AuditError> {
    let rows = all(database, "SELECT key FROM jobs WHERE queue = 'web monetization'").await?;
    let keys: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, _>>()?;
    Ok(keys.iter().filter_map(|key| Uuid::try_parse(key).ok()).collect())
}

pub(crate) async fn all(database: &Database, sql: &str) -> Result<Vec<QueryResult>, AuditError> {
    let reader = database.reader();
    Ok(reader.query_all_raw(Statement::from_string(reader.get_database_backend(), sql)).await?)
}

/// The tables forbid negative amounts. If there is one, it counts as zero, and the sums show the fault.
fn unsigned(amount: i64) -> u128 {
    u128::try_from(amount).unwrap_or(0)
}

/// The sum that the events announced for each account.
pub(crate) fn announced_of(events: &[Event], account: Uuid) -> u128 {
    events.iter().filter_map(|event| event.withdrawal).filter(|(of, _)| *of == account).map(|(_, amount)| amount).sum()
}
