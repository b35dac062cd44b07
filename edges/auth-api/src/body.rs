//! The checks of `Accept` and `Content-Type` that every route makes first.
//! What a body must contain is checked in `gnap`.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};

use crate::errors::ApiError;

/// The body that a route requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// JSON, always.
    Json,
    /// JSON, or nothing.
    JsonOrNothing,
}

/// Refuses clients that cannot read JSON.
pub(crate) fn check_accept(headers: &HeaderMap) -> Result<(), ApiError> {
    let mut accepts = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    if accepts.peek().is_none() || accepts.flat_map(|value| value.split(',')).any(reads_json) {
        return Ok(());
    }
    Err(ApiError::schema(StatusCode::NOT_ACCEPTABLE, "Must accept application/json"))
}

fn reads_json(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
    let refused = parts.any(|parameter| matches!(parameter, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
    !refused && matches!(media_type.as_str(), "*/*" | "application/*" | "application/json")
}

/// Refuses bodies whose `Content-Type` is not JSON.
pub(crate) fn check_content_type(headers: &HeaderMap, body: &[u8], expected: Expected) -> Result<(), ApiError> {
    if body.is_empty() && expected == Expected::JsonOrNothing {
        return Ok(());
    }
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Err(ApiError::schema(StatusCode::BAD_REQUEST, "body media type is not specified"));
    };
    let text = value.to_str().unwrap_or_default();
    let media_type = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if media_type == "application/json" || (media_type.starts_with("application/") && media_type.ends_with("+json")) {
        return Ok(());
    }
    let shown: String = text.chars().take(100).collect();
    Err(ApiError::schema(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("Unsupported Content-Type {shown}")))
}
