//! A page for developers: it shows the schema, writes a draft of a query, and signs it.
//!
//! The page contains no secret and cannot read one. The browser signs each request with the secret that the user types.

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http_kit::{Access, Declared};

/// The page may load its own files and send requests to this server only. No other page may frame it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// `GET /explorer` and the files that it loads.
pub(crate) fn routes() -> Router {
    Router::new()
        .declare(
            "/explorer",
            Access::Public,
            get(async || file("text/html; charset=utf-8", include_str!("explorer/explorer.html"))),
        )
        .declare(
            "/explorer/explorer.js",
            Access::Public,
            get(async || file("text/javascript; charset=utf-8", include_str!("explorer/explorer.js"))),
        )
        .declare(
            "/explorer/explorer.css",
            Access::Public,
            get(async || file("text/css; charset=utf-8", include_str!("explorer/explorer.css"))),
        )
}

fn file(kind: &'static str, content: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, content).into_response()
}
