//! Counts of ended payments, by their result.
//!
//! A payment is counted after the commit that ended it. A crash in between loses the count.

use metrics::Counter;
use payments_model::outgoing_payment::OutgoingState;
use payments_model::{IncomingPayment, OutgoingPayment};
use telemetry::Probes;
use telemetry::metrics::{INCOMING_PAYMENTS, OUTGOING_PAYMENTS};

/// Counts of outgoing payments.
pub(crate) struct OutgoingCounts {
    completed: Counter,
    failed: Counter,
    probes: Probes,
}

impl Default for OutgoingCounts {
    fn default() -> Self {
        let counter = |state: &'static str| metrics::counter!(OUTGOING_PAYMENTS, "state" => state);
        Self { completed: counter("completed"), failed: counter("failed"), probes: Probes::of_this_role() }
    }
}

impl OutgoingCounts {
    /// Counts a payment if it has ended.
    pub(crate) fn ended(&self, payment: &OutgoingPayment) {
        match payment.state {
            OutgoingState::Completed { .. } => {
                self.completed.increment(1);
                let quote = &payment.quote;
                let fee = quote.debit_amount.saturating_sub(quote.debit_amount_minus_fees);
                self.probes.fee_kept(&quote.asset.asset, fee);
            }
            OutgoingState::Failed { .. } => self.failed.increment(1),
            OutgoingState::Funding | OutgoingState::Sending(_) | OutgoingState::Cancelled => {}
        }
    }
}

/// Counts of incoming payments.
pub(crate) struct IncomingCounts {
    completed: Counter,
    expired: Counter,
}

impl Default for IncomingCounts {
    fn default() -> Self {
        let counter = |state: &'static str| metrics::counter!(INCOMING_PAYMENTS, "state" => state);
        Self { completed: counter("completed"), expired: counter("expired") }
    }
}

impl IncomingCounts {
    /// Counts a payment that ended with `received` credited to it.
    pub(crate) fn ended(&self, payment: &IncomingPayment, received: u64) {
        if received == 0 {
            return;
        }
        if payment.is_completed() { self.completed.increment(1) } else { self.expired.increment(1) }
    }
}
