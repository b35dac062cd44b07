//! The header `signature: t=<milliseconds>, v<version>=<digest>`: HMAC-SHA-256 over a time and canonical JSON
//! (RFC 8785).
//!
//! It is used for Admin API requests and for webhooks. It stores nothing: the caller chooses the secret and the allowed
//! age, and stores used signatures.

#![warn(missing_docs)]

mod audience;
mod signature;

pub use audience::{Audience, addressed, audience_of};
pub use signature::{Signature, SignatureError, canonical, sign};
