//! What an earlier repetition of a request has made.
//!
//! Not the memory of idempotency keys: this is for what was made and never noted there.

use clock::Timestamp;
use payments_model::Origin;

/// What a request has made so far.
pub(crate) enum Made<T> {
    /// This, and it makes nothing more.
    Before(T),
    /// Nothing. It is made with ids of this origin.
    NotYet(Origin),
}

impl<T> Made<T> {
    /// Of what was found under the id that follows from `origin`.
    pub(crate) fn of(found: Option<T>, origin: Origin, created_at: impl Fn(&T) -> Timestamp) -> Self {
        match found {
            Some(made) if origin.remembers(created_at(&made)) => Self::Before(made),
            // Its id is taken by an earlier use of the key, which was forgotten since.
            Some(_) => Self::NotYet(Origin::Alone),
            None => Self::NotYet(origin),
        }
    }
}
