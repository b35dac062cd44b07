//! Makes a request count once in all processes together: idempotency keys, and signatures that were already used.
//! It stores nothing itself: the shared cache does, in Redis or in the role's database.

#![warn(missing_docs)]

mod keys;
mod signed_requests;

pub use keys::{Api, Asked, Keys, KeysSettings, Once, OnceError, Patience};
pub use signed_requests::{NotAccepted, SignedRequests};
