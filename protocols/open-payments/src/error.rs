//! Error answers: `{"error":{"code":"403","description":"…","details":{}}}` (Open Payments resource server API).
//! Errors of the authorization server are in `gnap`.

use serde::{Deserialize, Serialize};

use crate::Metadata;

/// The body of an error answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The error.
    pub error: ErrorDetail,
}

/// An error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorDetail {
    /// The HTTP status as text. Authorization servers write GNAP error codes here.
    #[serde(default)]
    pub code: String,
    /// The description, for people and for clients that compare it.
    #[serde(default)]
    pub description: String,
    /// Further details.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Metadata>,
}
