//! How an authorization server refuses (RFC 9635 section 3.6): a code, and words for the developer.
//!
//! Not the HTTP status: the same code is sent with several, which the edge decides.

use serde::{Deserialize, Serialize};

/// The error codes of the profile (RFC 9635 section 3.6 and Open Payments).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The request is malformed, incomplete, or requests something impossible.
    InvalidRequest,
    /// The client could not be identified, or its signature or token is not right.
    InvalidClient,
    /// The interaction is over, expired, or not ready.
    InvalidInteraction,
    /// The token cannot be rotated.
    InvalidRotation,
    /// The grant cannot be found by what was presented.
    InvalidContinuation,
    /// The resource owner refused.
    UserDenied,
    /// The server refuses, or failed.
    RequestDenied,
    /// No such interaction.
    UnknownInteraction,
    /// The client asked again before the time it had to wait.
    TooFast,
}

/// The error body: `{"error": {"code": …, "description": …}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The one member.
    pub error: ErrorDetail,
}

/// What an error body says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorDetail {
    /// For programs. Absent in answers of servers that leave it out for malformed requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<ErrorCode>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl ErrorBody {
    /// A body with this code and these words.
    pub fn new(code: ErrorCode, description: impl Into<String>) -> Self {
        Self { error: ErrorDetail { code: Some(code), description: Some(description.into()) } }
    }
}
