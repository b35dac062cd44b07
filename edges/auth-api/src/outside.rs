//! Limits on the URL and the JSON body of a request, for all listeners.
//!
//! They are checked once for every route, before a handler reads anything.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::uri::PathAndQuery;
use outside_text::{Bounds, check_json, check_target};

use crate::errors::ApiError;

/// Refuses a request whose path or query contains control characters, or is not UTF-8.
pub(crate) async fn check_target_of(request: Request, next: Next) -> Response {
    let target = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    match check_target(target) {
        Ok(()) => next.run(request).await,
        Err(bad) => ApiError::bad_request(format_args!("the URL {bad}")).into_response(),
    }
}

/// Refuses a JSON body whose texts, lists or nesting exceed the limits. A body that is not JSON is refused later, when
/// it is parsed.
pub(crate) fn check_body(body: &[u8]) -> Result<(), ApiError> {
    match serde_json::from_slice(body) {
        Ok(document) => check_json("body", &document, Bounds::REQUEST).map_err(ApiError::bad_request),
        Err(_) => Ok(()),
    }
}
