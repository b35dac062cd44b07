//! Token values (RFC 9635 section 3.2.1), which must not reach a log.
//!
//! It does not make or store tokens. The value is opaque to clients.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An access token or continuation token. Its debug form hides the value.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenValue(String);

impl TokenValue {
    /// The value itself, for a header or a response body.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for TokenValue {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl From<&str> for TokenValue {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl fmt::Debug for TokenValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenValue(…)")
    }
}
