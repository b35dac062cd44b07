//! Error answers: `{"error":{"code":"403","description":"…","details":{}}}` (Open Payments resource server API).

use serde::{Deserialize, Serialize};

use crate::Metadata;

/// The body of an error answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorDetail {
    /// The HTTP status as text; authorization servers write GNAP error codes here.
    #[serde(default)]
    pub code: String,
    /// For people and for clients that compare it.
    #[serde(default)]
    pub description: String,
    /// Further facts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Metadata>,
}
