//! The answer of a listener whose role is not ready yet.
//! While a role stops, `gate` answers.

use axum::Router;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

/// Answers every request with 503 and `Retry-After: 1`.
pub fn not_ready() -> Router {
    Router::new().fallback(refuse)
}

async fn refuse() -> Response {
    let headers = [(header::RETRY_AFTER, "1"), (header::CONNECTION, "close")];
    (StatusCode::SERVICE_UNAVAILABLE, headers, "not ready: waiting for a database or cache").into_response()
}
