//! Why an outgoing call got no answer.
//!
//! A status is not an error here.

use std::time::Duration;

/// Why the client could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client could not be set up: {0}")]
pub struct BuildError(#[from] pub(crate) reqwest::Error);

/// Why a call got no answer. Any status, also 500, is an answer.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The URL cannot be called.
    #[error("{url} cannot be called: {reason}")]
    Url {
        /// The URL without query.
        url: String,
        /// What is wrong with the URL.
        reason: &'static str,
    },
    /// A stranger's URL leads to a private address.
    #[error("{host} is not on the public internet; allow the host explicitly if calls to it are intended")]
    AddressRefused {
        /// The host of the URL.
        host: String,
    },
    /// No connection: name unknown, refused, or TLS failed. The request was not sent.
    #[error("no connection to {host}: {reason}")]
    Connect {
        /// The host of the URL.
        host: String,
        /// The error of the network.
        reason: String,
    },
    /// The answer did not come in time. The other side may have acted on the request.
    #[error("no complete answer from {host} within {deadline:?}")]
    Timeout {
        /// The host of the URL.
        host: String,
        /// The time allowed.
        deadline: Duration,
    },
    /// The connection broke, or the answer was not HTTP. The other side may have acted on the request.
    #[error("the connection to {host} failed: {reason}")]
    Broken {
        /// The host of the URL.
        host: String,
        /// The error of the network.
        reason: String,
    },
    /// The body is larger than the caller reads.
    #[error("the answer of {host} is larger than {limit} bytes")]
    TooLarge {
        /// The host of the URL.
        host: String,
        /// The most the caller reads.
        limit: usize,
    },
    /// The request could not be signed.
    #[error(transparent)]
    Sign(#[from] http_signatures::SignError),
}

impl OutboundError {
    /// Whether the request certainly never reached the other side.
    pub fn is_unsent(&self) -> bool {
        match self {
            Self::Url { .. } | Self::AddressRefused { .. } | Self::Connect { .. } | Self::Sign(_) => true,
            Self::Timeout { .. } | Self::Broken { .. } | Self::TooLarge { .. } => false,
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Connect { .. } | Self::Timeout { .. } | Self::Broken { .. })
    }
}
