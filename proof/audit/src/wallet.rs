//! The wallet's side: every event is processed, its customers received the money that was withdrawn for them, and they
//! paid what was sent for them.
//!
//! The backend's side is checked elsewhere.

use std::collections::HashSet;

use database::{Database, Options};
use ledger::{AccountId, Ledger};
use uuid::Uuid;

use crate::rows::{Event, Outgoing, all, announced_of};
use crate::{AuditError, Finding, WalletBooks};

/// The wallet's code of a transfer that credits received money to a customer.
const RECEIPT: u16 = 4;
/// The wallet's code of a transfer that gives liquidity to the network.
const LIQUIDITY: u16 = 5;
/// The wallet's code of its account with the network, one for each of its ledgers.
const SETTLEMENT: u128 = 2;
/// The newest movements of a customer that are read; end-to-end tests make far fewer.
const MOVEMENTS_MOST: usize = 100_000;
/// It tells the card service the balance before anything is sent, in the form of money that can be withdrawn.
const FUNDED: &str = "outgoing_payment.funded";
/// Events that let the wallet withdraw money for a customer.
const RECEIPTS: [&str; 3] =
    ["incoming_payment.completed", "incoming_payment.expired", "wallet_address.web_monetization"];

pub(crate) async fn check(
    books: &WalletBooks,
    instance: &dyn Ledger,
    payments: &[Outgoing],
    events: &[Event],
) -> Result<Vec<Finding>, AuditError> {
    let database = Database::connect(&books.database, &Options::default()).await?;
    let mut findings = inbox(&database).await?;
    findings.extend(holds(&database).await?);
    let (debited, sent) =
        (debited(&database, &*books.ledger).await?, sent(&database, instance, payments, events).await?);
    if debited != sent {
        findings.push(Finding::DebitedIsNotSent { debited, sent });
    }
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

async fn holds(database: &Database) -> Result<Vec<Finding>, AuditError> {
    let open = "SELECT payment_id, state FROM wallet_holds WHERE state NOT IN ('settled', 'released')";
    let rows = all(database, open).await?;
    rows.iter()
        .map(|row| Ok(Finding::HoldOpen { payment: row.try_get_by_index(0)?, state: row.try_get_by_index(1)? }))
        .collect()
}

/// What customers paid to the network, over all assets.
async fn debited(database: &Database, ledger: &dyn Ledger) -> Result<u128, AuditError> {
    let mut debited = 0;
    for row in all(database, "SELECT ledger FROM wallet_assets").await? {
        let number: i64 = row.try_get_by_index(0)?;
        let settlement = AccountId::from_u128((u128::from(number.unsigned_abs()) << 16) | SETTLEMENT);
        let credited =
            ledger.accounts(vec![settlement]).await?.into_iter().flatten().map(|account| account.credits_posted);
        let given = ledger.transfers_of(settlement, MOVEMENTS_MOST).await?;
        let given = given.iter().filter(|made| made.created.code == LIQUIDITY).map(|made| made.created.amount);
        debited += credited.sum::<u128>().saturating_sub(given.sum());
    }
    Ok(debited)
}

/// What the instance sent for customers of this wallet: what was deposited, less what was left at the end.
async fn sent(
    database: &Database,
    instance: &dyn Ledger,
    payments: &[Outgoing],
    events: &[Event],
) -> Result<u128, AuditError> {
    let rows =
        all(database, "SELECT wallet_address_id FROM wallet_accounts WHERE wallet_address_id IS NOT NULL").await?;
    let own: HashSet<Uuid> = rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, _>>()?;
    let ended: Vec<&Outgoing> =
        payments.iter().filter(|payment| payment.has_ended() && own.contains(&payment.wallet_address)).collect();
    let ends: Vec<Event> = events.iter().filter(|event| event.kind != FUNDED).cloned().collect();
    let mut sent = 0;
    for some in ended.chunks(1000) {
        let accounts = instance.accounts(some.iter().map(|payment| payment.id.into()).collect()).await?;
        for (payment, account) in some.iter().zip(accounts) {
            let deposited = account.map_or(0, |account| account.credits_posted);
            sent += deposited.saturating_sub(announced_of(&ends, payment.id));
        }
    }
    Ok(sent)
}

async fn received_by(ledger: &dyn Ledger, customer: AccountId) -> Result<u128, AuditError> {
    let movements = ledger.transfers_of(customer, MOVEMENTS_MOST).await?;
    let receipts = movements.iter().filter(|made| made.created.code == RECEIPT);
    Ok(receipts.filter(|made| made.created.credit_account_id == customer).map(|made| made.created.amount).sum())
}
