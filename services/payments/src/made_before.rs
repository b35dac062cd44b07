//! The result of an earlier execution of the same request.
//!
//! Idempotency keys are stored in the cache. This file handles results that were written before the cache was updated.

use clock::Timestamp;
use payments_model::Origin;

/// The result of a request so far.
pub(crate) enum Made<T> {
    /// The request was executed and has this result.
    Before(T),
    /// The request was not executed. Its ids are derived from this origin.
    NotYet(Origin),
}

impl<T> Made<T> {
    /// Decides from the row that was found under the id derived from `origin`.
    pub(crate) fn of(found: Option<T>, origin: Origin, created_at: impl Fn(&T) -> Timestamp) -> Self {
        match found {
            Some(made) if origin.remembers(created_at(&made)) => Self::Before(made),
            // An earlier use of the key, forgotten since, has taken this id.
            Some(_) => Self::NotYet(Origin::Alone),
            None => Self::NotYet(origin),
        }
    }
}
