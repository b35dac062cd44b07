//! What strangers may write in a request to any of the listeners: bounds of its URL and of its JSON body.
//!
//! Checked once for every route, before a handler reads anything.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::uri::PathAndQuery;
use outside_text::{Bounds, check_json, check_target};

use crate::errors::ApiError;

/// Refuses a request whose path or query hides control characters, or is no UTF-8.
pub(crate) async fn check_target_of(request: Request, next: Next) -> Response {
    let target = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    match check_target(target) {
        Ok(()) => next.run(request).await,
        Err(bad) => ApiError::bad_request(format_args!("the URL {bad}")).into_response(),
    }
}

/// Refuses a JSON body with texts, lists or nesting beyond their bounds. A body that is no JSON is refused later,
/// where it is read.
pub(crate) fn check_body(body: &[u8]) -> Result<(), ApiError> {
    match serde_json::from_slice(body) {
        Ok(document) => check_json("body", &document, Bounds::REQUEST).map_err(ApiError::bad_request),
        Err(_) => Ok(()),
    }
}
