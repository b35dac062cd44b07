//! GraphQL over HTTP: one signed POST, one answer (admin-graphql section 1).

use async_graphql::{Request, Response as GraphqlResponse, ServerError, Value as GraphqlValue, Variables};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::Introspection;
use super::authentication::{Refusal, authenticate};
use crate::Api;
use crate::signed::UncheckedMessage;

/// `POST /graphql`
pub(crate) async fn execute(State(api): State<Api>, UncheckedMessage(message): UncheckedMessage) -> Response {
    let text = if message.body.is_empty() { b"{}".as_slice() } else { &message.body };
    let Ok(body @ (Value::Object(_) | Value::Array(_))) = serde_json::from_slice(text) else {
        return (StatusCode::BAD_REQUEST, "Bad Request").into_response();
    };
    let scope = match authenticate(&api.auth, &api.admin, &message.headers, &body).await {
        Ok(scope) => scope,
        Err(Refusal::Unauthorized) => return (StatusCode::UNAUTHORIZED, "Unauthorized").into_response(),
        Err(Refusal::Unavailable) => {
            return (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error").into_response();
        }
    };
    let is_json = message.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if is_json.is_none_or(|value| !value.starts_with("application/")) {
        return refuse("This operation has been blocked as a potential Cross-Site Request Forgery (CSRF).");
    }
    match read(body) {
        Ok(request) if api.admin.introspection == Introspection::Refused && asks_for_schema(&request.query) => {
            let problem = "GraphQL introspection is not allowed, but the query contained __schema or __type.";
            render(StatusCode::BAD_REQUEST, &error_body(problem, "GRAPHQL_VALIDATION_FAILED"))
        }
        Ok(request) => answer(&api.schema.execute(request.data(scope).data(api.auth.clone())).await),
        Err(problem) => refuse(problem),
    }
}

/// `GET /graphql` and others: what is asked would not be signed.
pub(crate) async fn wrong_method() -> Response {
    render(StatusCode::METHOD_NOT_ALLOWED, &error_body("The Admin API supports only POST requests.", "BAD_REQUEST"))
}

fn read(body: Value) -> Result<Request, &'static str> {
    let Value::Object(mut members) = body else { return Err("Operation batching disabled.") };
    if members.is_empty() {
        return Err("POST body missing, invalid Content-Type, or JSON object has no keys.");
    }
    let query = match members.remove("query") {
        None | Some(Value::Null) => {
            return Err("GraphQL operations must contain a non-empty `query` or a `persistedQuery` extension.");
        }
        Some(Value::String(query)) => query,
        Some(_) => return Err("GraphQL queries must be strings."),
    };
    let request = Request::new(query);
    let request = match members.remove("variables") {
        None | Some(Value::Null) => request,
        Some(variables @ Value::Object(_)) => request.variables(Variables::from_json(variables)),
        Some(_) => {
            return Err("`variables` in a POST body should be provided as an object, \
                        not a recursively JSON-encoded string.");
        }
    };
    match members.remove("operationName") {
        None | Some(Value::Null) => Ok(request),
        Some(Value::String(name)) => Ok(request.operation_name(name)),
        Some(_) => Err("`operationName` in a POST body must be a string if provided."),
    }
}

/// The library would answer such queries with `null`; clients expect to be told.
fn asks_for_schema(query: &str) -> bool {
    query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| matches!(word, "__schema" | "__type"))
}

/// Errors of a field name their path; errors without one refused the document as a whole.
fn answer(response: &GraphqlResponse) -> Response {
    let was_executed = response.errors.iter().all(|error| !error.path.is_empty());
    let mut body = json!({});
    if !response.errors.is_empty() {
        let code = if was_executed { "INTERNAL_SERVER_ERROR" } else { "GRAPHQL_VALIDATION_FAILED" };
        body["errors"] = response.errors.iter().map(|error| describe(error, code)).collect();
    }
    if was_executed {
        let data = if response.data == GraphqlValue::Null { Value::Null } else { json!(response.data) };
        body["data"] = data;
    }
    render(if was_executed { StatusCode::OK } else { StatusCode::BAD_REQUEST }, &body)
}

fn describe(error: &ServerError, default_code: &str) -> Value {
    let mut described = json!(error);
    if described["extensions"]["code"].is_null() {
        described["extensions"] = json!({"code": default_code});
    }
    described
}

fn refuse(problem: &str) -> Response {
    render(StatusCode::BAD_REQUEST, &error_body(problem, "BAD_REQUEST"))
}

fn error_body(message: &str, code: &str) -> Value {
    json!({"errors": [{"message": message, "extensions": {"code": code}}]})
}

fn render(status: StatusCode, body: &Value) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, format!("{body}\n")).into_response()
}
