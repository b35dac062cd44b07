//! The request something is created by, and the ids that follow from it.
//!
//! A request that may be repeated makes things whose ids follow from the request. So a repetition finds what was made,
//! and the database refuses to make it twice, whatever was noted about it before a process died. Not the memory of keys
//! and answers: that is kept elsewhere, and is only the shorter way to the same answer.

use clock::{Entropy, Timestamp};
use ledger::TransferId;
use uuid::Uuid;

/// The request something is created by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// One of its own, however equal it is to another.
    Alone,
    /// One that names an idempotency key and may be repeated.
    Repeatable {
        /// The same for every repetition, another for every other request.
        request: Uuid,
        /// The key was not known longer than this: what was made before belongs to an earlier use of it.
        known_since: Timestamp,
    },
}

impl Origin {
    /// The id of what the request makes in the step of this name.
    pub fn id(self, step: &str, entropy: &dyn Entropy) -> Uuid {
        self.known_id(step).unwrap_or_else(|| entropy.uuid())
    }

    /// The id under which what an earlier repetition made is found; none if there can be no earlier one.
    pub fn known_id(self, step: &str) -> Option<Uuid> {
        match self {
            Self::Alone => None,
            Self::Repeatable { request, .. } => Some(TransferId::derived(request, step, 0).as_uuid()),
        }
    }

    /// Whether what was created at `created_at` under such an id belongs to this use of the key.
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
