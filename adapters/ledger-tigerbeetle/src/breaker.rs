//! Leaves a cluster that does not answer alone for a while, then lets one request try.
//!
//! Time is a parameter.

use std::time::Duration;

use clock::Timestamp;

/// Unanswered requests in a row after which the breaker opens.
const PATIENCE: u32 = 3;
/// How long it stays open before one request may try.
const PAUSE: Duration = Duration::from_secs(5);

/// Whether requests are let through.
#[derive(Debug)]
pub(crate) enum Breaker {
    /// They are; so many in a row were not answered.
    Closed { unanswered: u32 },
    /// They are not, until then.
    Open { until: Timestamp },
}

impl Default for Breaker {
    fn default() -> Self {
        Self::Closed { unanswered: 0 }
    }
}

impl Breaker {
    /// Whether a request may go out now. The one that tries after a pause keeps others waiting for another pause.
    pub(crate) fn allows(&mut self, now: Timestamp) -> bool {
        match self {
            Self::Closed { .. } => true,
            Self::Open { until } if now >= *until => {
                *until = now + PAUSE;
                true
            }
            Self::Open { .. } => false,
        }
    }

    /// A request was answered.
    pub(crate) fn answered(&mut self) {
        *self = Self::default();
    }

    /// A request was not answered in time.
    pub(crate) fn unanswered(&mut self, now: Timestamp) {
        *self = match self {
            Self::Closed { unanswered } if *unanswered + 1 < PATIENCE => Self::Closed { unanswered: *unanswered + 1 },
            Self::Closed { .. } | Self::Open { .. } => Self::Open { until: now + PAUSE },
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_silence_tries_once_and_closes_on_an_answer() {
        let (mut breaker, now) = (Breaker::default(), Timestamp::EPOCH);
        breaker.unanswered(now);
        breaker.unanswered(now);
        assert!(breaker.allows(now));
        breaker.unanswered(now);
        assert!(!breaker.allows(now));
        let later = now + PAUSE;
        assert!(breaker.allows(later), "one may try");
        assert!(!breaker.allows(later), "one only");
        breaker.answered();
        assert!(breaker.allows(later));
    }

    #[test]
    fn an_answer_in_between_starts_the_count_anew() {
        let (mut breaker, now) = (Breaker::default(), Timestamp::EPOCH);
        for _ in 0..10 {
            breaker.unanswered(now);
            breaker.unanswered(now);
            breaker.answered();
        }
        assert!(breaker.allows(now));
    }
}
