//! The progress bar of the delivered amount, on standard error so that standard output has only the result.
//! The result is printed by `receipt`.

use admin_client::{Amount, OutgoingPaymentState};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::error::in_words;
use super::payer::{ProgressNow, TriedAgain};

/// A bar that grows with the delivered amount.
pub(crate) struct Bar {
    bar: ProgressBar,
    goal: Amount,
}

impl Bar {
    /// A bar up to `goal`. It is hidden if the output is not a terminal.
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
        let waiting = now.tried_again.as_ref().map(waiting).unwrap_or_default();
        self.bar.set_message(format!("{so_far} of {} {what}{waiting}", self.goal));
    }

    pub(crate) fn finish(&self) {
        self.bar.abandon();
    }
}

/// Why there is no progress now.
fn waiting(again: &TriedAgain) -> String {
    let times = if again.failed == 1 { "once".to_owned() } else { format!("{} times", again.failed) };
    format!("; failed {times}: {}; it is tried again in a while", in_words(&again.reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payment_that_is_tried_again_says_what_has_failed_and_why() {
        let once = TriedAgain { failed: 1, reason: "InsufficientExchangeRate".to_owned() };
        assert_eq!(
            waiting(&once),
            "; failed once: the exchange rate of the path is worse than the quote allows (InsufficientExchangeRate); it \
             is tried again in a while"
        );
        let often = TriedAgain { failed: 3, reason: "no route".to_owned() };
        assert_eq!(waiting(&often), "; failed 3 times: no route; it is tried again in a while");
    }
}
