//! Why a request to another institution failed.

use open_payments::ErrorBody;
use outbound_http::{OutboundError, Response};

/// Why a call to another institution failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The URL cannot be called.
    #[error("{0:?} is not an http or https URL without query and fragment")]
    Url(String),
    /// No answer; another try may get one.
    #[error(transparent)]
    NoAnswer(#[from] OutboundError),
    /// The other side is unable for now: 408, 429 or 5xx.
    #[error("{url} answered {status}")]
    Unavailable {
        /// What was called.
        url: String,
        /// The status.
        status: u16,
    },
    /// The token or signature was not accepted: 401 or 403.
    #[error("{url} answered {status}: {description}")]
    Unauthorized {
        /// What was called.
        url: String,
        /// The status.
        status: u16,
        /// What the other side says about it.
        description: String,
    },
    /// There is no such thing: 404.
    #[error("{url} does not exist")]
    NotFound {
        /// What was called.
        url: String,
    },
    /// The request was refused.
    #[error("{url} answered {status}: {description}")]
    Refused {
        /// What was called.
        url: String,
        /// The status.
        status: u16,
        /// What the other side says about it.
        description: String,
    },
    /// The answer is not what the specification promises.
    #[error("the answer of {url} cannot be used: {reason}")]
    Unusable {
        /// What was called.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl ClientError {
    /// Whether the answer could not be determined now, so that asking again later may help. Anything else is an answer.
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

    /// Whether a fresh grant may help.
    pub fn is_unauthorized(&self) -> bool {
        matches!(self, Self::Unauthorized { .. })
    }

    pub(crate) fn unusable(url: &str, reason: impl ToString) -> Self {
        Self::Unusable { url: url.to_owned(), reason: reason.to_string() }
    }

    /// What a status outside 2xx means.
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
