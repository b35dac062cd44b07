//! Makes a request count once in all processes together: idempotency keys, and signatures that were already used.
//! It stores nothing itself: the shared cache does, in Redis or in the role's database.

#![warn(missing_docs)]

mod entry;
mod keys;
mod result_note;
mod signed_requests;

pub use keys::{Api, Asked, ClaimTime, Keys, KeysSettings, Once, OnceError, Patience};
pub use result_note::ResultNote;
pub use signed_requests::{NotAccepted, SignedRequests};
