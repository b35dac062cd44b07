//! The refusal of an authorization server (RFC 9635 section 3.6): a code, and a text for the developer.
//!
//! It does not have the HTTP status: the same code is sent with several, and the edge decides.

use serde::{Deserialize, Serialize};

/// The error codes of the profile (RFC 9635 section 3.6 and Open Payments).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The request is malformed, incomplete, or requests something impossible.
    InvalidRequest,
    /// The client could not be identified, or its signature or token is not right.
    InvalidClient,
    /// The interaction has ended or expired, or is not ready.
    InvalidInteraction,
    /// The token cannot be rotated.
    InvalidRotation,
    /// The grant cannot be found with the presented data.
    InvalidContinuation,
    /// The resource owner refused.
    UserDenied,
    /// The server refuses, or failed.
    RequestDenied,
    /// There is no such interaction.
    UnknownInteraction,
    /// The client asked again before its waiting time had passed.
    TooFast,
}

/// The error body: `{"error": {"code": …, "description": …}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The only member.
    pub error: ErrorDetail,
}

/// The content of an error body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorDetail {
    /// The code, for programs. Some servers leave it out for malformed requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<ErrorCode>,
    /// The description, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl ErrorBody {
    /// A body with this code and description.
    pub fn new(code: ErrorCode, description: impl Into<String>) -> Self {
        Self { error: ErrorDetail { code: Some(code), description: Some(description.into()) } }
    }
}
