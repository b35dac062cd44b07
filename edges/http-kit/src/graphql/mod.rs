//! GraphQL over HTTP: one POST, one answer, one set of limits for every schema.
//!
//! The edge identifies the caller between reading the body and answering it.

mod documents;
mod limits;
mod malformed;
mod outside;
mod request;
mod response;
mod rights;
mod suggestions;
mod variables;
mod wording;

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Executor, Request};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use service_identity::Refusal;

use crate::{RetryAfter, unproven};
use documents::Documents;
pub use rights::{AllFields, FieldRights};
pub use variables::{Inputs, ScalarRefusal};

use response::{JSON, error, errors, media_type, respond};

/// The largest body of a request, in octets.
pub const BODY_MAX: usize = 1 << 20;

const BAD_REQUEST: &str = "BAD_REQUEST";
const BAD_USER_INPUT: &str = "BAD_USER_INPUT";
const FORBIDDEN: &str = "FORBIDDEN";
const VALIDATION_FAILED: &str = "GRAPHQL_VALIDATION_FAILED";

/// Whether introspection is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Introspection {
    /// It is allowed.
    Allowed,
    /// It is refused, as in production.
    Refused,
}

/// Help for callers.
const HOW_TO_SIGN: &str = "Every request carries two headers:\n\
    \u{20} tenant-id: <the tenant's UUID>\n\
    \u{20} signature: t=<milliseconds since 1970>, v1=<HMAC-SHA256 of \"<t>.<body as canonical JSON>\", in hex>\n\
    docs/admin-api.md has the recipe for a shell, JavaScript and Python, and says where the schema is.";

/// Why the caller is unknown. The answer does not show which reason it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unauthenticated {
    /// The request is not signed by a tenant, or the signature was used before.
    Unauthorized,
    /// A required header is missing. Its sender may know that.
    Header(&'static str),
    /// The check failed. Nothing is wrong with the request.
    Unavailable,
    /// The token is not accepted, or cannot be checked now.
    Token(Refusal),
}

impl IntoResponse for Unauthenticated {
    fn into_response(self) -> Response {
        match self {
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "Unauthorized").into_response(),
            Self::Header(name) => {
                let told = format!("Unauthorized: the header {name} is missing or unreadable.\n\n{HOW_TO_SIGN}\n");
                (StatusCode::UNAUTHORIZED, told).into_response()
            }
            Self::Unavailable => {
                let again = RetryAfter(Duration::from_secs(1));
                (StatusCode::SERVICE_UNAVAILABLE, again, "Service Unavailable").into_response()
            }
            Self::Token(refusal) => unproven(refusal, &[]),
        }
    }
}

/// A schema at a path.
#[derive(Clone, Debug)]
pub struct Endpoint<E> {
    schema: E,
    introspection: Introspection,
    documents: Documents,
    inputs: Arc<Inputs>,
}

/// The JSON of a request, which is also what is signed.
pub fn json(body: &[u8]) -> Option<Value> {
    serde_json::from_slice(body).ok().filter(|body: &Value| body.is_object() || body.is_array())
}

/// The answer to a body that is not JSON.
pub fn no_json() -> Response {
    (StatusCode::BAD_REQUEST, "Bad Request").into_response()
}

/// The answer to every method except POST, because URLs are not signed.
#[expect(clippy::unused_async, reason = "a handler is asynchronous, whether it waits or not")]
pub async fn only_post() -> Response {
    refused(
        StatusCode::METHOD_NOT_ALLOWED,
        "The Admin API takes POST requests only: GraphQL as JSON, signed. docs/admin-api.md says how.",
        BAD_REQUEST,
    )
}

impl<E: Executor> Endpoint<E> {
    /// Makes an endpoint for `schema`, whose variables are `inputs`.
    pub fn new(schema: E, inputs: Inputs, introspection: Introspection) -> Self {
        Self { schema, introspection, documents: Documents::default(), inputs: Arc::new(inputs) }
    }

    /// Answers `body`, sent by `caller`, who has these rights. Resolvers find the caller in their context.
    ///
    /// Runs to the end even if the client disconnects. So a mutation that was begun is stored under its idempotency key
    /// for a later request.
    pub async fn answer<C: Send + Sync + 'static>(
        &self,
        headers: &HeaderMap,
        body: Value,
        caller: C,
        rights: &dyn FieldRights,
    ) -> Response {
        if request::is_form(headers) {
            let message = "This operation has been blocked as a potential Cross-Site Request Forgery (CSRF). \
                           Send it with the content type application/json.";
            return refused(StatusCode::BAD_REQUEST, message, BAD_REQUEST);
        }
        let Some(media_type) = media_type(headers) else {
            return (StatusCode::NOT_ACCEPTABLE, "Not Acceptable").into_response();
        };
        let (status, answer) = match request::read(body, &self.documents, &self.inputs, self.introspection, rights) {
            Ok(request) => self.execute(request.data(caller)).await,
            Err(malformed) => (malformed.status, errors(malformed.errors)),
        };
        respond(status, media_type, &answer)
    }

    /// Runs to the end even if the client disconnects. So a mutation that was begun is stored under its idempotency key
    /// for a later request.
    async fn execute(&self, request: Request) -> (StatusCode, Value) {
        let schema = self.schema.clone();
        match tokio::spawn(async move { schema.execute(request).await }).await {
            Ok(response) => response::render(response, self.inputs.names()),
            Err(error) => {
                tracing::error!(%error, "an Admin API request ended before its answer");
                let body = errors(vec![self::error("Internal server error", "INTERNAL_SERVER_ERROR")]);
                (StatusCode::INTERNAL_SERVER_ERROR, body)
            }
        }
    }
}

fn refused(status: StatusCode, message: &str, code: &str) -> Response {
    respond(status, JSON, &errors(vec![error(message, code)]))
}
