//! Why an operation was not done, in terms that a caller can act on.
//!
//! Callers decide by the code, not by the message. The message explains.

use serde::Deserialize;
use serde_json::Value;

/// The code of a refusal (`extensions.code`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// `BAD_USER_INPUT`.
    BadUserInput,
    /// `DUPLICATE`.
    Duplicate,
    /// `FORBIDDEN`.
    Forbidden,
    /// `INACTIVE`.
    Inactive,
    /// `INTERNAL_SERVER_ERROR`.
    Internal,
    /// `NOT_FOUND`.
    NotFound,
    /// `CONFLICT`.
    Conflict,
    /// `TIMEOUT`.
    Timeout,
    /// Any other, by its text.
    Other(String),
}

impl From<&str> for ErrorCode {
    fn from(code: &str) -> Self {
        match code {
            "BAD_USER_INPUT" => Self::BadUserInput,
            "DUPLICATE" => Self::Duplicate,
            "FORBIDDEN" => Self::Forbidden,
            "INACTIVE" => Self::Inactive,
            "INTERNAL_SERVER_ERROR" => Self::Internal,
            "NOT_FOUND" => Self::NotFound,
            "CONFLICT" => Self::Conflict,
            "TIMEOUT" => Self::Timeout,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// Why an operation has no result.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// There was no answer, so it is unknown whether the operation took effect. Repeat it with the same idempotency
    /// key.
    #[error("the Admin API at {endpoint} does not answer ({reason}); is the backend running?")]
    Unreachable {
        /// The endpoint.
        endpoint: String,
        /// The error of the transport.
        reason: String,
    },
    /// The tenant or the signature was not accepted.
    #[error(
        "the Admin API refused the signature (401): tenant id and secret must be those of the tenant (for the operator, \
             SIGNATURE_SECRET here is ADMIN_API_SECRET there), and both clocks must agree"
    )]
    Unauthorized,
    /// The operation was refused.
    #[error("{message}")]
    Refused {
        /// The code of the refusal.
        code: ErrorCode,
        /// The message of the API.
        message: String,
        /// `extensions.details`, where the API gives any.
        details: Option<Value>,
    },
    /// An answer this client does not understand.
    #[error("the Admin API answered something unexpected: {0}")]
    Unexpected(String),
}

impl AdminError {
    /// Whether the request has the idempotency key of another one with other arguments, which counts.
    pub fn is_about_other_arguments(&self) -> bool {
        self.says("Incoming arguments are different than the original request")
    }

    /// Whether nothing was withdrawn, because another amount is there than was expected.
    pub fn is_about_another_amount(&self) -> bool {
        self.says("The amount changed meanwhile")
    }

    /// Whether there is no exchange rate for the two assets.
    pub fn is_about_rates(&self) -> bool {
        self.says("could not convert between assets")
    }

    /// Whether the amount is the reason: nothing of it would arrive, or it is none.
    pub fn is_about_the_amount(&self) -> bool {
        ["non-positive receive amount", "negative receive amount", "invalid amount"].iter().any(|text| self.says(text))
    }

    /// Whether the API has looked at the operation and refused it. So nothing was done, now or earlier, under its
    /// idempotency key. After all other errors this is not known.
    pub fn is_decided(&self) -> bool {
        let Self::Refused { code, .. } = self else { return false };
        match code {
            ErrorCode::Internal | ErrorCode::Timeout => {
                self.is_about_rates()
                    || self.says("the receiver's institution does not answer")
                    || self.says("the receiver cannot be paid over Interledger")
            }
            // The API has not looked at the operation, or this client does not know what the code means.
            ErrorCode::Forbidden | ErrorCode::Other(_) => false,
            _ => !self.says("Concurrent request") && !self.is_about_other_arguments(),
        }
    }

    /// Rafiki 2.4 has one code for several refusals, so their texts distinguish them.
    fn says(&self, beginning: &str) -> bool {
        matches!(self, Self::Refused { message, .. } if message.starts_with(beginning))
    }

    /// Whether the refusal has this code.
    pub fn is(&self, wanted: &ErrorCode) -> bool {
        matches!(self, Self::Refused { code, .. } if code == wanted)
    }

    /// Whether repeating the same call later may succeed.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Unexpected(_) => true,
            Self::Refused { code, .. } => matches!(code, ErrorCode::Internal | ErrorCode::Timeout),
            Self::Unauthorized => false,
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct GraphQlError {
    message: String,
    #[serde(default)]
    extensions: Extensions,
}

#[derive(Default, Deserialize)]
struct Extensions {
    code: Option<String>,
    details: Option<Value>,
}

impl From<GraphQlError> for AdminError {
    fn from(error: GraphQlError) -> Self {
        Self::Refused {
            code: ErrorCode::from(error.extensions.code.as_deref().unwrap_or_default()),
            message: error.message,
            details: error.extensions.details,
        }
    }
}
