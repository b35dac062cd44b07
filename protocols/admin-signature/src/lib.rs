//! The header `signature: t=<milliseconds>, v<version>=<digest>`: HMAC-SHA-256 over a time and canonical JSON
//! (RFC 8785).
//!
//! Used for Admin API requests and for webhooks alike. The caller chooses the secret and the age, and remembers what
//! was used.

#![warn(missing_docs)]

mod audience;
mod signature;

pub use audience::{Audience, addressed, audience_of};
pub use signature::{Signature, SignatureError, canonical, sign};
