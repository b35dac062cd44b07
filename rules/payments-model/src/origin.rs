//! The request that creates something, and the ids that are derived from it.
//!
//! It does not store keys and answers: that store is elsewhere, and only a faster way to the same answer. If a request
//! may be repeated, the ids of its results are derived from the request. So a repetition finds the results, and the
//! database refuses to create them twice, even if a process died before it stored the answer.

use clock::{Entropy, Timestamp};
use ledger::TransferId;
use uuid::Uuid;

/// The request that creates something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A request without an idempotency key. It creates something new, even if an equal request was made before.
    Alone,
    /// A request with an idempotency key. It may be repeated.
    Repeatable {
        /// The value is the same for every repetition, and different for every other request.
        request: Uuid,
        /// The earliest time at which this use of the key can have begun. Results from before belong to an earlier use
        /// of it.
        known_since: Timestamp,
    },
}

impl Origin {
    /// The id of the result of the step with this name.
    pub fn id(self, step: &str, entropy: &dyn Entropy) -> Uuid {
        self.known_id(step).unwrap_or_else(|| entropy.uuid())
    }

    /// The id of the result of an earlier repetition; `None` if there can be no earlier one.
    pub fn known_id(self, step: &str) -> Option<Uuid> {
        match self {
            Self::Alone => None,
            Self::Repeatable { request, .. } => Some(TransferId::derived_once(request, step).as_uuid()),
        }
    }

    /// Whether a result that was created at `created_at` with such an id belongs to this use of the key.
    pub fn remembers(self, created_at: Timestamp) -> bool {
        match self {
            Self::Alone => false,
            Self::Repeatable { known_since, .. } => created_at >= known_since,
        }
    }
}

#[cfg(test)]
mod tests {
    use clock::SeededEntropy;

    use super::*;

    fn repeatable(request: u128) -> Origin {
        Origin::Repeatable { request: Uuid::from_u128(request), known_since: Timestamp::from_millis(1000) }
    }

    #[test]
    fn repetitions_make_the_same_and_other_requests_and_steps_something_else() {
        let entropy = SeededEntropy::new(1);
        let id = repeatable(1).id("quote", &entropy);
        assert_eq!(repeatable(1).id("quote", &entropy), id);
        assert_eq!(repeatable(1).known_id("quote"), Some(id));
        assert_ne!(repeatable(1).id("receiver", &entropy), id);
        assert_ne!(repeatable(2).id("quote", &entropy), id);
        assert_ne!(Origin::Alone.id("quote", &entropy), Origin::Alone.id("quote", &entropy));
        assert_eq!(Origin::Alone.known_id("quote"), None);
    }

    #[test]
    fn what_was_made_before_the_key_was_known_is_not_the_requests() {
        assert!(repeatable(1).remembers(Timestamp::from_millis(1000)));
        assert!(!repeatable(1).remembers(Timestamp::from_millis(999)));
        assert!(!Origin::Alone.remembers(Timestamp::from_millis(5000)));
    }
}
