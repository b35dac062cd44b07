//! Converts a JSON body to a request that is well-formed and not too large.

use async_graphql::{Request, Variables};
use http::{HeaderMap, header};
use serde_json::{Map, Value};

use super::documents::Documents;
use super::malformed::{Malformed, malformed};
use super::{BAD_REQUEST, BAD_USER_INPUT, Introspection, VALIDATION_FAILED, outside};

pub(super) fn read(body: Value, documents: &Documents, introspection: Introspection) -> Result<Request, Malformed> {
    let Value::Object(mut members) = body else {
        return Err(malformed("Operation batching disabled.", BAD_REQUEST));
    };
    if members.is_empty() {
        let message = "POST body missing, invalid Content-Type, or JSON object has no keys.";
        return Err(malformed(message, BAD_REQUEST));
    }
    let query = query(members.remove("query"))?;
    let variables = variables(members.remove("variables"))?;
    let operation = operation_name(members.remove("operationName"))?;
    outside::check_variables(&variables).map_err(|unfit| malformed(unfit, BAD_USER_INPUT))?;
    let parsed = documents.parse(&query)?;
    if parsed.asks_for_schema && introspection == Introspection::Refused {
        // The library would answer with `null`; clients expect an error.
        let message = "GraphQL introspection is not allowed, but the query contained __schema or __type.";
        return Err(malformed(message, VALIDATION_FAILED));
    }
    let mut request = Request::new(query).variables(Variables::from_json(variables));
    request.operation_name = operation;
    request.set_parsed_query(parsed.document.clone());
    Ok(request)
}

fn query(member: Option<Value>) -> Result<String, Malformed> {
    match member {
        Some(Value::String(query)) if !query.is_empty() => Ok(query),
        None | Some(Value::Null | Value::String(_)) => {
            let message = "GraphQL operations must contain a non-empty `query` or a `persistedQuery` extension.";
            Err(malformed(message, BAD_REQUEST))
        }
        Some(_) => Err(malformed("GraphQL queries must be strings.", BAD_REQUEST)),
    }
}

fn variables(member: Option<Value>) -> Result<Value, Malformed> {
    match member {
        None | Some(Value::Null) => Ok(Value::Object(Map::new())),
        Some(variables @ Value::Object(_)) => Ok(variables),
        Some(_) => {
            let message =
                "`variables` in a POST body should be provided as an object, not a recursively JSON-encoded string.";
            Err(malformed(message, BAD_REQUEST))
        }
    }
}

fn operation_name(member: Option<Value>) -> Result<Option<String>, Malformed> {
    match member {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(name)) => Ok(Some(name)),
        Some(_) => Err(malformed("`operationName` in a POST body must be a string if provided.", BAD_REQUEST)),
    }
}

/// Whether a browser sends this without a pre-flight request.
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    let preflighted = ["x-apollo-operation-name", "apollo-require-preflight"];
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let simple = content_type.is_none_or(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        matches!(kind.as_str(), "text/plain" | "application/x-www-form-urlencoded" | "multipart/form-data")
    });
    simple && !preflighted.iter().any(|name| headers.get(*name).is_some_and(|value| !value.is_empty()))
}
