//! The listener: one endpoint for signed GraphQL requests, and one that tells whether the process is well.

use std::time::Duration;

use async_graphql::parser::parse_query;
use async_graphql::{Request, Response, ServerError, Variables};
use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{any, post};
use bytes::Bytes;
use payments::Unavailable;
use payments::administration::Caller;
use serde_json::{Map, Value, json};
use tower_http::cors::{AllowHeaders, CorsLayer};

use crate::AdminApiParts;
use crate::authenticate::{Unauthenticated, authenticate};
use crate::limits;
use crate::schema::AdminSchema;

/// What somebody who begins needs to know.
const HOW_TO_SIGN: &str = "Every request carries two headers:\n\
    \u{20} tenant-id: <the tenant's UUID>\n\
    \u{20} signature: t=<milliseconds since 1970>, v1=<HMAC-SHA256 of \"<t>.<body as canonical JSON>\", in hex>\n\
    docs/admin-api.md has the recipe for a shell, JavaScript and Python, and says where the schema is.";

const LARGEST_BODY: usize = 1 << 20;
const BAD_REQUEST: &str = "BAD_REQUEST";
const VALIDATION_FAILED: &str = "GRAPHQL_VALIDATION_FAILED";

#[derive(Clone)]
struct Api {
    parts: AdminApiParts,
    schema: AdminSchema,
}

/// The Admin API: `POST /graphql` and `/healthz`.
pub fn router(parts: AdminApiParts) -> Router {
    let schema = crate::schema::schema(&parts);
    let methods = ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH"].map(|name| name.parse().unwrap_or_default());
    let cors = CorsLayer::new()
        .allow_origin(tower_http::cors::Any)
        .allow_methods(methods)
        .allow_headers(AllowHeaders::mirror_request());
    Router::new()
        .route("/graphql", post(graphql).fallback(only_post))
        .route("/healthz", any(healthz))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(cors)
        .with_state(Api { parts, schema })
}

/// How long database, ledger and cache may take to answer: who asks for health does not wait long.
const HEALTHY: Duration = Duration::from_secs(3);

/// Whether database, ledger and cache answer.
async fn healthz(State(api): State<Api>) -> (StatusCode, &'static str) {
    let ping = async {
        api.parts.administration.ping(api.parts.settings.operator).await?;
        api.parts.cache.get("health").await?;
        Ok::<(), Unavailable>(())
    };
    match tokio::time::timeout(HEALTHY, ping).await {
        Ok(Ok(())) => return (StatusCode::OK, "OK"),
        Ok(Err(error)) => tracing::warn!(error = &error as &dyn std::error::Error, "not healthy"),
        Err(_) => tracing::warn!(limit = ?HEALTHY, "not healthy: database, ledger or cache do not answer"),
    }
    (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
}

/// Says which headers are missing, which is no secret; whatever is wrong with present ones only the log says.
fn unauthorized(why: &Unauthenticated) -> axum::response::Response {
    if let Unauthenticated::Header(_) = why {
        tracing::debug!(%why, "an Admin API request was not authenticated");
        return (StatusCode::UNAUTHORIZED, format!("Unauthorized: {why}.\n\n{HOW_TO_SIGN}\n")).into_response();
    }
    tracing::warn!(
        %why,
        "an Admin API request was answered with 401; the caller's secret must be the tenant's API secret (the \
         operator's is ADMIN_API_SECRET here, and SIGNATURE_SECRET in the wallet's environment)"
    );
    (StatusCode::UNAUTHORIZED, "Unauthorized").into_response()
}

async fn only_post() -> axum::response::Response {
    let message = "The Admin API takes POST requests only: GraphQL as JSON, signed. docs/admin-api.md says how.";
    refused(StatusCode::METHOD_NOT_ALLOWED, message, BAD_REQUEST)
}

async fn graphql(State(api): State<Api>, headers: HeaderMap, body: Bytes) -> axum::response::Response {
    let body: Value = match serde_json::from_slice(&body) {
        Ok(body @ (Value::Object(_) | Value::Array(_))) => body,
        _ => return (StatusCode::BAD_REQUEST, "Bad Request").into_response(),
    };
    let caller = match authenticate(&api.parts, &headers, &body).await {
        Ok(caller) => caller,
        Err(Unauthenticated::Database(error)) => return unavailable(&error),
        Err(Unauthenticated::Cache(error)) => return unavailable(&error),
        Err(why) => return unauthorized(&why),
    };
    if is_form(&headers) {
        let message = "This operation has been blocked as a potential Cross-Site Request Forgery (CSRF). \
                       Send it with the content type application/json.";
        return refused(StatusCode::BAD_REQUEST, message, BAD_REQUEST);
    }
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("*/*");
    let Some(media_type) = media_type(accepted) else {
        return (StatusCode::NOT_ACCEPTABLE, "Not Acceptable").into_response();
    };
    let (status, answer) = match request(body) {
        Ok(request) => api.execute(caller, request).await,
        Err(Malformed { message, code }) => (StatusCode::BAD_REQUEST, errors(vec![error(&message, code)])),
    };
    respond(status, media_type, &answer)
}

impl Api {
    async fn execute(&self, caller: Caller, request: Request) -> (StatusCode, Value) {
        let response = self.schema.execute(request.data(caller)).await;
        render(response)
    }
}

struct Malformed {
    message: String,
    code: &'static str,
}

fn malformed(message: impl ToString, code: &'static str) -> Malformed {
    Malformed { message: message.to_string(), code }
}

/// A request that is well-formed and not too large.
fn request(body: Value) -> Result<Request, Malformed> {
    let Value::Object(mut members) = body else {
        return Err(malformed("Operation batching disabled.", BAD_REQUEST));
    };
    if members.is_empty() {
        let message = "POST body missing, invalid Content-Type, or JSON object has no keys.";
        return Err(malformed(message, BAD_REQUEST));
    }
    let query = match members.remove("query") {
        Some(Value::String(query)) if !query.is_empty() => query,
        None | Some(Value::Null | Value::String(_)) => {
            let message = "GraphQL operations must contain a non-empty `query` or a `persistedQuery` extension.";
            return Err(malformed(message, BAD_REQUEST));
        }
        Some(_) => return Err(malformed("GraphQL queries must be strings.", BAD_REQUEST)),
    };
    let variables = match members.remove("variables") {
        None | Some(Value::Null) => Value::Object(Map::new()),
        Some(Value::String(_)) => {
            let message =
                "`variables` in a POST body should be provided as an object, not a recursively JSON-encoded string.";
            return Err(malformed(message, BAD_REQUEST));
        }
        Some(variables) => variables,
    };
    let operation = match members.remove("operationName") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => Some(name),
        Some(_) => {
            let message = "`operationName` in a POST body must be a string if provided.";
            return Err(malformed(message, BAD_REQUEST));
        }
    };
    limits::check_text(&query).map_err(|error| malformed(error, VALIDATION_FAILED))?;
    let document = parse_query(&query).map_err(|error| malformed(error, VALIDATION_FAILED))?;
    limits::check(&document).map_err(|error| malformed(error, VALIDATION_FAILED))?;
    let mut request = Request::new(query).variables(Variables::from_json(variables));
    request.operation_name = operation;
    request.set_parsed_query(document);
    Ok(request)
}

/// `errors` before `data`; errors that stopped the whole document answer with 400.
fn render(response: Response) -> (StatusCode, Value) {
    let stopped = !response.errors.is_empty() && response.errors.iter().all(|error| error.path.is_empty());
    let mut answer = Map::new();
    if !response.errors.is_empty() {
        let shown = response.errors.iter().map(|error| shown(error, stopped)).collect();
        answer.insert("errors".to_owned(), Value::Array(shown));
    }
    if stopped {
        return (StatusCode::BAD_REQUEST, Value::Object(answer));
    }
    answer.insert("data".to_owned(), response.data.into_json().unwrap_or_default());
    (StatusCode::OK, Value::Object(answer))
}

fn shown(error: &ServerError, stopped: bool) -> Value {
    let own_code = error.extensions.as_ref().and_then(|extensions| extensions.get("code")).is_some();
    let mut extensions = match serde_json::to_value(&error.extensions) {
        Ok(Value::Object(extensions)) => extensions,
        _ => Map::new(),
    };
    let message = if own_code || stopped || is_input_error(&error.message) {
        without_suggestions(&error.message)
    } else {
        tracing::error!(message = error.message, "an Admin API request failed");
        "Internal server error".to_owned()
    };
    if !own_code {
        extensions.insert("code".to_owned(), json!(code(&error.message, stopped)));
    }
    json!({
        "message": message,
        "locations": error.locations,
        "path": error.path,
        "extensions": extensions,
    })
}

/// The code of an error the GraphQL library raised itself.
fn code(message: &str, stopped: bool) -> &'static str {
    if message.starts_with("Unknown operation named") || message.starts_with("Operation name required") {
        "OPERATION_RESOLUTION_FAILURE"
    } else if is_input_error(message) {
        "BAD_USER_INPUT"
    } else if stopped {
        VALIDATION_FAILED
    } else {
        "INTERNAL_SERVER_ERROR"
    }
}

fn is_input_error(message: &str) -> bool {
    ["Failed to parse", "Variable ", "Invalid value for argument", "Invalid input"]
        .iter()
        .any(|start| message.starts_with(start))
}

/// What the schema holds is not given away by guesses.
fn without_suggestions(message: &str) -> String {
    match message.find("Did you mean") {
        Some(start) => format!("{}[Suggestion hidden]?", &message[..start]),
        None => message.to_owned(),
    }
}

fn error(message: &str, code: &str) -> Value {
    json!({ "message": message, "extensions": { "code": code } })
}

fn errors(errors: Vec<Value>) -> Value {
    json!({ "errors": errors })
}

fn refused(status: StatusCode, message: &str, code: &str) -> axum::response::Response {
    respond(status, JSON, &errors(vec![error(message, code)]))
}

fn unavailable(error: &(dyn std::error::Error + 'static)) -> axum::response::Response {
    tracing::error!(error, "an Admin API request could not be authenticated");
    (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable").into_response()
}

const JSON: &str = "application/json";
const GRAPHQL_JSON: &str = "application/graphql-response+json";

/// The media type of the answer; `None` if the client takes neither.
fn media_type(accepted: &str) -> Option<&'static str> {
    let mut types = accepted.split(',').map(|range| range.split(';').next().unwrap_or_default().trim());
    types.find_map(|range| match range {
        GRAPHQL_JSON => Some(GRAPHQL_JSON),
        JSON | "application/*" | "*/*" | "" => Some(JSON),
        _ => None,
    })
}

/// What a browser sends without asking first.
fn is_form(headers: &HeaderMap) -> bool {
    let preflighted = ["x-apollo-operation-name", "apollo-require-preflight"];
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let simple = content_type.is_none_or(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        matches!(kind.as_str(), "text/plain" | "application/x-www-form-urlencoded" | "multipart/form-data")
    });
    simple && !preflighted.iter().any(|name| headers.get(*name).is_some_and(|value| !value.is_empty()))
}

fn respond(status: StatusCode, media_type: &'static str, answer: &Value) -> axum::response::Response {
    let content_type = if media_type == JSON {
        HeaderValue::from_static("application/json; charset=utf-8")
    } else {
        HeaderValue::from_static("application/graphql-response+json; charset=utf-8")
    };
    let headers = [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (status, headers, Body::from(format!("{answer}\n"))).into_response()
}
