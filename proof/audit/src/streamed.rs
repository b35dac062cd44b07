//! Money paid directly to wallet addresses: it is announced and withdrawn completely, or waits for its announcement.
//!
//! Incoming payments are checked elsewhere.

use std::collections::HashSet;

use ledger::Ledger;
use uuid::Uuid;

use crate::incoming::withdrawals;
use crate::rows::Event;
use crate::{AuditError, Finding};

pub(crate) async fn check(
    ledger: &dyn Ledger,
    addresses: &[Uuid],
    waiting: &HashSet<Uuid>,
    events: &[Event],
) -> Result<Vec<Finding>, AuditError> {
    let mut findings = Vec::new();
    for some in addresses.chunks(1000) {
        let accounts = ledger.accounts(some.iter().map(|id| (*id).into()).collect()).await?;
        for (id, account) in some.iter().zip(accounts) {
            if let Some(account) = account {
                let found = withdrawals(*id, &account, events);
                findings.extend(found.into_iter().filter(|finding| !is_to_come(finding, waiting)));
            }
        }
    }
    Ok(findings)
}

/// Whether more was received than announced, and a job waits to announce the rest.
fn is_to_come(finding: &Finding, waiting: &HashSet<Uuid>) -> bool {
    matches!(finding, Finding::AnnouncedIsNotReceived { account, announced, received }
        if announced < received && waiting.contains(account))
}

/// The sum of all credits to wallet addresses themselves.
pub(crate) async fn received(ledger: &dyn Ledger, addresses: &[Uuid]) -> Result<u128, AuditError> {
    let mut received = 0;
    for some in addresses.chunks(1000) {
        let accounts = ledger.accounts(some.iter().map(|id| (*id).into()).collect()).await?;
        received += accounts.into_iter().flatten().map(|account| account.credits_posted).sum::<u128>();
    }
    Ok(received)
}
