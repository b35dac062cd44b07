//! GraphQL over HTTP: one POST, one answer, one set of limits for every schema.
//!
//! Who sent a request is found out by the edge, between reading the body and answering it.

mod limits;
mod request;
mod response;

use async_graphql::Executor;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use response::{JSON, error, errors, media_type, respond};

/// The largest body of a request, in octets.
pub const BODY_MAX: usize = 1 << 20;

const BAD_REQUEST: &str = "BAD_REQUEST";
const VALIDATION_FAILED: &str = "GRAPHQL_VALIDATION_FAILED";

/// Whether the schema may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Introspection {
    /// It may.
    Allowed,
    /// It may not, as in production.
    Refused,
}

/// Why nobody in particular sent a request. From outside every reason looks the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unauthenticated {
    /// It is not signed by a tenant, or not for the first time.
    Unauthorized,
    /// It could not be found out; nothing is wrong with the request.
    Unavailable,
}

impl IntoResponse for Unauthenticated {
    fn into_response(self) -> Response {
        match self {
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "Unauthorized").into_response(),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable").into_response(),
        }
    }
}

/// A schema behind a path.
#[derive(Clone, Debug)]
pub struct Endpoint<E> {
    schema: E,
    introspection: Introspection,
}

/// The JSON a request carries, which is also what is signed; the answer to send if it carries none.
pub fn json(body: &[u8]) -> Result<Value, Response> {
    match serde_json::from_slice(body) {
        Ok(body @ (Value::Object(_) | Value::Array(_))) => Ok(body),
        _ => Err((StatusCode::BAD_REQUEST, "Bad Request").into_response()),
    }
}

/// The answer to every method but POST: what is asked in a URL is not signed.
pub async fn only_post() -> Response {
    refused(StatusCode::METHOD_NOT_ALLOWED, "The Admin API takes POST requests only.", BAD_REQUEST)
}

impl<E: Executor> Endpoint<E> {
    /// Answers requests by `schema`.
    pub fn new(schema: E, introspection: Introspection) -> Self {
        Self { schema, introspection }
    }

    /// Answers `body`, sent by `caller`, whom resolvers find in their context.
    pub async fn answer<C: Send + Sync + 'static>(&self, headers: &HeaderMap, body: Value, caller: C) -> Response {
        if request::is_form(headers) {
            let message = "This operation has been blocked as a potential Cross-Site Request Forgery (CSRF). \
                           Send it with the content type application/json.";
            return refused(StatusCode::BAD_REQUEST, message, BAD_REQUEST);
        }
        let Some(media_type) = media_type(headers) else {
            return (StatusCode::NOT_ACCEPTABLE, "Not Acceptable").into_response();
        };
        let (status, answer) = match request::read(body, self.introspection) {
            Ok(request) => response::render(self.schema.execute(request.data(caller)).await),
            Err(malformed) => (StatusCode::BAD_REQUEST, errors(vec![error(&malformed.message, malformed.code)])),
        };
        respond(status, media_type, &answer)
    }
}

fn refused(status: StatusCode, message: &str, code: &str) -> Response {
    respond(status, JSON, &errors(vec![error(message, code)]))
}
