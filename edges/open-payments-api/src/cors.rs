//! Cross-origin access: anybody may read every answer, no credentials (open-payments section 1.1).

use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, VARY,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

pub(crate) async fn cors(request: Request, next: Next) -> Response {
    let preflight = request.method() == Method::OPTIONS;
    let asked = request.headers().get(ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    let mut response = if preflight && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        let mut allowed = StatusCode::NO_CONTENT.into_response();
        let methods = HeaderValue::from_static("GET,HEAD,PUT,POST,DELETE,PATCH");
        allowed.headers_mut().insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        if let Some(asked) = asked {
            allowed.headers_mut().insert(ACCESS_CONTROL_ALLOW_HEADERS, asked);
        }
        allowed.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        allowed
    } else {
        next.run(request).await
    };
    response.headers_mut().append(VARY, HeaderValue::from_static("Origin"));
    if !preflight {
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    response
}
