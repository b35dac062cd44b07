//! The wallet's side: every event is processed, and its customers received the money that was withdrawn for them.
//!
//! The backend's side is checked elsewhere.

use database::{Database, Options};
use ledger::{AccountId, Ledger};
use uuid::Uuid;

use crate::rows::{Event, all};
use crate::{AuditError, Finding, WalletBooks};

/// The wallet's code of a transfer that credits received money to a customer.
const RECEIPT: u16 = 4;
/// The newest movements of a customer that are read; end-to-end tests make far fewer.
const MOVEMENTS_MOST: usize = 100_000;
/// Events that let the wallet withdraw money for a customer.
const RECEIPTS: [&str; 3] =
    ["incoming_payment.completed", "incoming_payment.expired", "wallet_address.web_monetization"];

pub(crate) async fn check(books: &WalletBooks, events: &[Event]) -> Result<Vec<Finding>, AuditError> {
    let database = Database::connect(&books.database, &Options::default()).await?;
    let mut findings = inbox(&database).await?;
    let customers = all(&database, "SELECT id FROM wallet_accounts").await?;
    let customers: Vec<Uuid> = customers.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, _>>()?;

    let mut credited = 0;
    for customer in &customers {
        credited += received_by(&*books.ledger, (*customer).into()).await?;
    }
    let withdrawals = events.iter().filter(|event| RECEIPTS.contains(&event.kind.as_str()));
    let withdrawn = withdrawals.filter_map(|event| event.withdrawal).map(|(_, amount)| amount).sum();
    if credited != withdrawn {
        findings.push(Finding::CreditedIsNotWithdrawn { credited, withdrawn });
    }

    let accounts = books.ledger.accounts(customers.iter().map(|id| (*id).into()).collect()).await?;
    for (customer, account) in customers.iter().zip(accounts) {
        let held = account.map_or(0, |account| account.debits_pending);
        if held != 0 {
            findings.push(Finding::CustomerHeld { account: *customer, amount: held });
        }
    }
    database.close().await;
    Ok(findings)
}

async fn inbox(database: &Database) -> Result<Vec<Finding>, AuditError> {
    let open = "SELECT id, type, state FROM wallet_inbox WHERE state NOT IN ('done', 'ignored')";
    let read = |row: &database::sea_orm::QueryResult| -> Result<Finding, AuditError> {
        let (event, kind, state) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?);
        Ok(Finding::NotDealtWith { event, kind, state })
    };
    all(database, open).await?.iter().map(read).collect()
}

async fn received_by(ledger: &dyn Ledger, customer: AccountId) -> Result<u128, AuditError> {
    let movements = ledger.transfers_of(customer, MOVEMENTS_MOST).await?;
    let receipts = movements.iter().filter(|made| made.created.code == RECEIPT);
    Ok(receipts.filter(|made| made.created.credit_account_id == customer).map(|made| made.created.amount).sum())
}
