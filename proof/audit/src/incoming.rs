//! Incoming payments: what was asked, received, announced and withdrawn.
//!
//! The wallet's side is checked elsewhere.

use ledger::Account;
use uuid::Uuid;

use crate::rows::{Event, Incoming, announced_of};
use crate::{AuditError, Books, Finding};

pub(crate) async fn check(books: &Books, payments: &[Incoming], events: &[Event]) -> Result<Vec<Finding>, AuditError> {
    let mut findings = Vec::new();
    for some in payments.chunks(1000) {
        let accounts = books.ledger.accounts(some.iter().map(|payment| payment.id.into()).collect()).await?;
        for (payment, account) in some.iter().zip(accounts) {
            // Without an account nothing was ever paid.
            let Some(account) = account else { continue };
            findings.extend(amounts(payment, &account, books.unit_worth_max));
            if payment.has_ended() {
                findings.extend(withdrawals(payment.id, &account, events));
            }
        }
    }
    Ok(findings)
}

fn amounts(payment: &Incoming, account: &Account, unit_worth_max: u128) -> Vec<Finding> {
    let mut findings = Vec::new();
    let received = account.credits_posted;
    if let Some(asked) = payment.asked {
        if received > asked.saturating_add(unit_worth_max) {
            findings.push(Finding::Overpaid { payment: payment.id, asked, received });
        }
        if received >= asked && received > 0 && !payment.has_ended() {
            findings.push(Finding::PaidButOpen { payment: payment.id, received });
        }
    }
    findings
}

/// An account whose money was announced: the whole amount was announced, and the whole amount was withdrawn.
pub(crate) fn withdrawals(id: Uuid, account: &Account, events: &[Event]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let announced = announced_of(events, id);
    if announced != account.credits_posted {
        let received = account.credits_posted;
        findings.push(Finding::AnnouncedIsNotReceived { account: id, announced, received });
    }
    if account.debits_posted != announced {
        findings.push(Finding::WithdrawnIsNotAnnounced { account: id, announced, withdrawn: account.debits_posted });
    }
    let held = account.debits_pending + account.credits_pending;
    if held != 0 {
        findings.push(Finding::Held { account: id, amount: held });
    }
    findings
}
