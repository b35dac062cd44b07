//! Outgoing payments: each has ended with one event, and its remainder is what the event announced.
//!
//! What its packets delivered is compared between the ledgers of both institutions.

use ledger::{Account, Ledger};

use crate::rows::{Event, Outgoing, announced_of};
use crate::{AuditError, Finding};

const ENDS: [&str; 3] = ["outgoing_payment.completed", "outgoing_payment.failed", "outgoing_payment.cancelled"];

pub(crate) async fn check(
    ledger: &dyn Ledger,
    payments: &[Outgoing],
    events: &[Event],
) -> Result<Vec<Finding>, AuditError> {
    let mut findings = Vec::new();
    for some in payments.chunks(1000) {
        let accounts = ledger.accounts(some.iter().map(|payment| payment.id.into()).collect()).await?;
        for (payment, account) in some.iter().zip(accounts) {
            findings.extend(told(payment, events));
            findings.extend(account.and_then(|account| left(payment, &account, events)));
            let held = account.map_or(0, |account| account.debits_pending + account.credits_pending);
            if held != 0 {
                findings.push(Finding::Held { account: payment.id, amount: held });
            }
        }
    }
    Ok(findings)
}

fn told(payment: &Outgoing, events: &[Event]) -> Option<Finding> {
    let (payment, state) = (payment.id, payment.state.clone());
    if matches!(state.as_str(), "FUNDING" | "SENDING") {
        return Some(Finding::NotEnded { payment, state });
    }
    let of_payment = events.iter().filter(|event| event.outgoing_payment == Some(payment));
    let times = of_payment.filter(|event| ENDS.contains(&event.kind.as_str())).count();
    // The entity cancels payments itself, so it gets this event for cards only.
    let expected = if state == "CANCELLED" { times <= 1 } else { times == 1 };
    (!expected).then_some(Finding::EndTold { payment, state, times })
}

/// The balance of an ended payment: the amount announced at its end before the withdrawal, zero afterwards.
fn left(payment: &Outgoing, account: &Account, events: &[Event]) -> Option<Finding> {
    let left = account.credit_balance();
    let announced = announced_of(events, payment.id);
    let as_announced = left == 0 || left == announced;
    (payment.has_ended() && !as_announced).then_some(Finding::LeftInPayment { payment: payment.id, left, announced })
}
