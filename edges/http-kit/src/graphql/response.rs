//! Converts a result to an answer: status, media type, and errors without internal details.
//! The texts of errors are in `wording`.

use async_graphql::{Response as GraphqlResponse, ServerError};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

use super::VALIDATION_FAILED;
use super::suggestions::Names;
use super::wording::known_words;

pub(super) const JSON: &str = "application/json";
const GRAPHQL_JSON: &str = "application/graphql-response+json";

/// `errors` comes before `data`. If an error stopped the whole document, the status is 400.
pub(super) fn render(response: GraphqlResponse, names: &Names) -> (StatusCode, Value) {
    let before_all = !response.errors.is_empty() && response.errors.iter().all(|error| error.path.is_empty());
    let reached = if before_all { Reached::NoResolver } else { Reached::Resolvers };
    let mut answer = Map::new();
    if !response.errors.is_empty() {
        let shown = response.errors.iter().map(|error| shown(error, reached, names)).collect();
        answer.insert("errors".to_owned(), Value::Array(shown));
    }
    if reached == Reached::NoResolver {
        return (StatusCode::BAD_REQUEST, Value::Object(answer));
    }
    answer.insert("data".to_owned(), response.data.into_json().unwrap_or_default());
    (StatusCode::OK, Value::Object(answer))
}

/// How far a request was executed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reached {
    /// It was refused as a whole.
    NoResolver,
    Resolvers,
}

fn shown(error: &ServerError, reached: Reached, names: &Names) -> Value {
    let own_code = error.extensions.as_ref().and_then(|extensions| extensions.get("code")).is_some();
    let mut extensions = match serde_json::to_value(&error.extensions) {
        Ok(Value::Object(extensions)) => extensions,
        _ => Map::new(),
    };

    let message = if own_code {
        error.message.clone()
    } else if reached == Reached::NoResolver || is_input_error(&error.message) {
        known_words(&error.message, names)
    } else {
        tracing::error!(message = error.message, "an Admin API request failed");
        "Internal server error".to_owned()
    };
    if !own_code {
        extensions.insert("code".to_owned(), json!(code(&error.message, reached)));
    }

    let is_placed = !error.locations.is_empty() && extensions.get("code") != Some(&json!(NO_OPERATION));
    let mut shown = Map::new();
    shown.insert("message".to_owned(), message.into());
    if is_placed {
        shown.insert("locations".to_owned(), json!(error.locations));
    }
    if !error.path.is_empty() {
        shown.insert("path".to_owned(), json!(error.path));
    }
    shown.insert("extensions".to_owned(), extensions.into());
    shown.into()
}

/// The code of a request whose operation is not known. It has no place in the document.
const NO_OPERATION: &str = "OPERATION_RESOLUTION_FAILURE";

/// The code of an error of the GraphQL library.
fn code(message: &str, reached: Reached) -> &'static str {
    if message.starts_with("Unknown operation named") || message.starts_with("Operation name required") {
        NO_OPERATION
    } else if is_input_error(message) && !is_literal_error(message) {
        "BAD_USER_INPUT"
    } else if reached == Reached::NoResolver {
        VALIDATION_FAILED
    } else {
        "INTERNAL_SERVER_ERROR"
    }
}

fn is_input_error(message: &str) -> bool {
    ["Failed to parse", "Invalid value for argument", "Invalid input"].iter().any(|start| message.starts_with(start))
}

/// The variables were checked before, so the fault is in the document itself.
fn is_literal_error(message: &str) -> bool {
    message.starts_with("Invalid value for argument")
}

pub(super) fn error(message: &str, code: &str) -> Value {
    json!({ "message": message, "extensions": { "code": code } })
}

pub(super) fn errors(errors: Vec<Value>) -> Value {
    json!({ "errors": errors })
}

/// The media type of the answer; `None` if the client accepts neither.
pub(super) fn media_type(headers: &HeaderMap) -> Option<&'static str> {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("*/*");
    let mut types = accepted.split(',').map(|range| range.split(';').next().unwrap_or_default().trim());
    types.find_map(|range| match range {
        GRAPHQL_JSON => Some(GRAPHQL_JSON),
        JSON | "application/*" | "*/*" | "" => Some(JSON),
        _ => None,
    })
}

pub(super) fn respond(status: StatusCode, media_type: &'static str, answer: &Value) -> Response {
    let content_type = if media_type == JSON {
        HeaderValue::from_static("application/json; charset=utf-8")
    } else {
        HeaderValue::from_static("application/graphql-response+json; charset=utf-8")
    };
    let headers = [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (status, headers, Body::from(format!("{answer}\n"))).into_response()
}
