//! The progress bar of delivered amount, on standard error so that pipes stay clean.

use admin_client::{Amount, OutgoingPaymentState};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::payer::ProgressNow;

/// A bar that fills with what arrives.
pub(crate) struct Bar {
    bar: ProgressBar,
    goal: Amount,
}

impl Bar {
    /// A bar towards `goal`; hidden when nobody looks.
    pub(crate) fn towards(goal: &Amount) -> Self {
        let bar = ProgressBar::with_draw_target(Some(goal.value), ProgressDrawTarget::stderr_with_hz(20));
        if let Ok(style) = ProgressStyle::with_template("  {bar:40} {msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar, goal: goal.clone() }
    }

    pub(crate) fn show(&self, now: &ProgressNow) {
        let what = match now.state {
            OutgoingPaymentState::Funding => "funding",
            OutgoingPaymentState::Sending => "delivered",
            OutgoingPaymentState::Completed => "completed",
            OutgoingPaymentState::Failed => "failed",
            OutgoingPaymentState::Cancelled => "cancelled",
        };
        let so_far = Amount { value: now.delivered, ..self.goal.clone() };
        self.bar.set_length(self.goal.value.max(now.delivered));
        self.bar.set_position(now.delivered);
        self.bar.set_message(format!("{so_far} of {} {what}", self.goal));
    }

    pub(crate) fn finish(&self) {
        self.bar.abandon();
    }
}
