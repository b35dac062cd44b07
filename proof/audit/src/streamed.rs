//! Money paid straight to wallet addresses: announced and withdrawn to the last unit.
//!
//! Not incoming payments: those have an end.

use ledger::Ledger;
use uuid::Uuid;

use crate::incoming::withdrawals;
use crate::rows::Event;
use crate::{AuditError, Finding};

pub(crate) async fn check(
    ledger: &dyn Ledger,
    addresses: &[Uuid],
    events: &[Event],
) -> Result<Vec<Finding>, AuditError> {
    let mut findings = Vec::new();
    for some in addresses.chunks(1000) {
        let accounts = ledger.accounts(some.iter().map(|id| (*id).into()).collect()).await?;
        for (id, account) in some.iter().zip(accounts) {
            if let Some(account) = account {
                findings.extend(withdrawals(*id, &account, events));
            }
        }
    }
    Ok(findings)
}

/// What was ever credited to wallet addresses themselves.
pub(crate) async fn received(ledger: &dyn Ledger, addresses: &[Uuid]) -> Result<u128, AuditError> {
    let mut received = 0;
    for some in addresses.chunks(1000) {
        let accounts = ledger.accounts(some.iter().map(|id| (*id).into()).collect()).await?;
        received += accounts.into_iter().flatten().map(|account| account.credits_posted).sum::<u128>();
    }
    Ok(received)
}
