//! Cross-origin requests: allowed from every origin, never with credentials.
//!
//! For public listeners. Private ones refuse browsers.

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use http::header::ORIGIN;
use http::{Method, StatusCode};
use tower_http::cors::{AllowHeaders, Any, CorsLayer};

const METHODS: [Method; 6] = [Method::GET, Method::HEAD, Method::PUT, Method::POST, Method::DELETE, Method::PATCH];

/// Answers pre-flight requests, and makes every answer readable for any origin.
pub fn open_to_every_origin(router: Router) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods(METHODS)
        .allow_headers(AllowHeaders::mirror_request())
        .vary([ORIGIN]);
    router.layer(cors).layer(from_fn(without_content))
}

/// The reference answers pre-flight requests with 204.
async fn without_content(request: Request, next: Next) -> Response {
    let is_preflight = request.method() == Method::OPTIONS;
    let mut response = next.run(request).await;
    if is_preflight && response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    response
}
