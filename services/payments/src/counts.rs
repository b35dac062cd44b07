//! How many payments ended how.
//!
//! Counted after the commit that ended them; what a crash swallows in between is not counted.

use metrics::Counter;
use payments_model::IncomingPayment;
use payments_model::outgoing_payment::OutgoingState;
use telemetry::metrics::{INCOMING_PAYMENTS, OUTGOING_PAYMENTS};

/// Of outgoing payments.
pub(crate) struct OutgoingCounts {
    completed: Counter,
    failed: Counter,
}

impl Default for OutgoingCounts {
    fn default() -> Self {
        let counter = |state: &'static str| metrics::counter!(OUTGOING_PAYMENTS, "state" => state);
        Self { completed: counter("completed"), failed: counter("failed") }
    }
}

impl OutgoingCounts {
    /// A payment has this state now.
    pub(crate) fn ended(&self, state: &OutgoingState) {
        match state {
            OutgoingState::Completed { .. } => self.completed.increment(1),
            OutgoingState::Failed { .. } => self.failed.increment(1),
            OutgoingState::Funding | OutgoingState::Sending(_) | OutgoingState::Cancelled => {}
        }
    }
}

/// Of incoming payments.
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
    /// A payment ended, `received` having been credited to it.
    pub(crate) fn ended(&self, payment: &IncomingPayment, received: u64) {
        if received == 0 {
            return;
        }
        if payment.is_completed() { self.completed.increment(1) } else { self.expired.increment(1) }
    }
}
