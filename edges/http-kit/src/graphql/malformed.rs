//! Why a request is refused before it is executed, with the errors for its sender.
//! Errors of resolvers are made elsewhere.

use http::StatusCode;
use serde_json::Value;

use super::response::error;

/// Why a request is refused.
#[derive(Debug)]
pub(super) struct Malformed {
    pub(super) status: StatusCode,
    pub(super) errors: Vec<Value>,
}

pub(super) fn malformed(message: impl ToString, code: &'static str) -> Malformed {
    Malformed { status: StatusCode::BAD_REQUEST, errors: vec![error(&message.to_string(), code)] }
}
