//! What a provider of tokens publishes: its metadata (RFC 8414, OpenID Connect Discovery 1.0) and its public keys
//! (RFC 7517). Both are read, kept for a while, and read again.
//!
//! It gets no tokens, and it does not judge what a token says.

#![warn(missing_docs)]

mod kept;
mod keys;
mod metadata;

pub use keys::PublishedKeys;
pub use metadata::{Endpoint, Metadata, Places, PublishedMetadata};

/// Why it is not known what a provider publishes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishedError {
    /// The provider did not answer.
    #[error("{0}")]
    NoAnswer(String),
    /// The answer cannot be used.
    #[error("{0}")]
    Unusable(String),
}
