//! What makes a request count once, in all processes together: idempotency keys, and signatures that were used.
//!
//! Not a memory itself: what is remembered lies in the shared cache, which is Redis or the database of the role.

#![warn(missing_docs)]

mod keys;
mod signed_requests;

pub use keys::{Api, Asked, Keys, KeysSettings, Once, OnceError, Patience};
pub use signed_requests::{NotAccepted, SignedRequests};
