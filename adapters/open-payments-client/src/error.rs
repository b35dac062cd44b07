//! Why a request to another institution failed.
//!
//! It does not retry.

use open_payments::ErrorBody;
use outbound_http::{OutboundError, Response};

/// Why a call to another institution failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The URL cannot be called.
    #[error("{0:?} is not an http or https URL without query and fragment")]
    Url(String),
    /// There was no answer. A repetition may get one.
    #[error(transparent)]
    NoAnswer(#[from] OutboundError),
    /// The other side cannot answer now: 408, 429 or 5xx.
    #[error("{url} answered {status}")]
    Unavailable {
        /// The called URL.
        url: String,
        /// The status.
        status: u16,
    },
    /// The token or signature was not accepted: 401 or 403.
    #[error("{url} answered {status}: {description}")]
    Unauthorized {
        /// The called URL.
        url: String,
        /// The status.
        status: u16,
        /// The message of the other side.
        description: String,
    },
    /// The resource does not exist: 404.
    #[error("{url} does not exist")]
    NotFound {
        /// The called URL.
        url: String,
    },
    /// The request was refused.
    #[error("{url} answered {status}: {description}")]
    Refused {
        /// The called URL.
        url: String,
        /// The status.
        status: u16,
        /// The message of the other side.
        description: String,
    },
    /// The answer does not follow the specification.
    #[error("the answer of {url} cannot be used: {reason}")]
    Unusable {
        /// The called URL.
        url: String,
        /// What is wrong with the answer.
        reason: String,
    },
}

impl ClientError {
    /// Whether there was no final answer, so that a later request may get one. Every other error is final.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NoAnswer(error) => error.is_transient(),
            Self::Unavailable { .. } => true,
            Self::Url(_)
            | Self::Unauthorized { .. }
            | Self::NotFound { .. }
            | Self::Refused { .. }
            | Self::Unusable { .. } => false,
        }
    }

    /// Whether a request with a new grant may succeed.
    pub fn is_unauthorized(&self) -> bool {
        matches!(self, Self::Unauthorized { .. })
    }

    /// Whether the resource is at another URL: 3xx.
    pub(crate) fn is_redirection(&self) -> bool {
        matches!(self, Self::Refused { status: 300..=399, .. })
    }

    pub(crate) fn unusable(url: &str, reason: impl ToString) -> Self {
        Self::Unusable { url: url.to_owned(), reason: reason.to_string() }
    }

    /// The error for a status outside 2xx.
    pub(crate) fn from_response(url: &str, response: &Response) -> Self {
        let (url, status) = (url.to_owned(), response.status.as_u16());
        let description = || match response.json::<ErrorBody>() {
            Ok(body) => body.error.description.chars().take(200).collect(),
            Err(_) => response.excerpt(),
        };
        match status {
            401 | 403 => Self::Unauthorized { url, status, description: description() },
            404 => Self::NotFound { url },
            408 | 429 | 500.. => Self::Unavailable { url, status },
            _ => Self::Refused { url, status, description: description() },
        }
    }
}
