//! Converts a JSON body to a request that is well-formed and not too large.
//! Limits of the document are in `limits`; variables are checked in `variables`.

use async_graphql::parser::types::{DocumentOperations, OperationDefinition, OperationType};
use async_graphql::{Request, Variables};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::documents::Documents;
use super::malformed::{Malformed, malformed};
use super::response::error;
use super::rights::{FieldRights, first_forbidden};
use super::{BAD_REQUEST, BAD_USER_INPUT, FORBIDDEN, Inputs, Introspection, VALIDATION_FAILED, outside};
use crate::Effect;

/// A request that can be executed.
pub(super) struct Asked {
    pub(super) request: Request,
    /// Whether it only reads, and so can be executed again.
    pub(super) reads: bool,
}

impl Asked {
    /// What it may do.
    pub(super) fn effect(&self) -> Effect {
        if self.reads { Effect::Read } else { Effect::Change }
    }
}

pub(super) fn read(
    body: Value,
    documents: &Documents,
    inputs: &Inputs,
    introspection: Introspection,
    rights: &dyn FieldRights,
) -> Result<Asked, Malformed> {
    let Value::Object(mut members) = body else {
        return Err(malformed("Operation batching disabled.", BAD_REQUEST));
    };
    if members.is_empty() {
        let message = "POST body missing, invalid Content-Type, or JSON object has no keys.";
        return Err(malformed(message, BAD_REQUEST));
    }

    let query = query(members.remove("query"), members.get("extensions"))?;
    let variables = variables(members.remove("variables"))?;
    let operation = operation_name(members.remove("operationName"))?;
    outside::check_variables(&variables).map_err(|unfit| malformed(unfit, BAD_USER_INPUT))?;

    let parsed = documents.parse(&query)?;
    if parsed.asks_for_schema && introspection == Introspection::Refused {
        // The library would answer with `null`; clients expect an error.
        return Err(no_introspection());
    }
    if let Some(field) = first_forbidden(&parsed.document, rights) {
        return Err(forbidden(field));
    }

    let meant = meant(&parsed.document.operations, operation.as_deref());
    let reads = meant.is_some_and(|operation| operation.ty == OperationType::Query);
    if let (Some(operation), Value::Object(given)) = (meant, &variables) {
        let bad = inputs.check(operation, given);
        if !bad.is_empty() {
            let errors = bad.into_iter().map(|bad| {
                let place = json!([{ "line": bad.pos.line, "column": bad.pos.column }]);
                json!({ "message": bad.message, "locations": place, "extensions": { "code": BAD_USER_INPUT } })
            });
            return Err(Malformed { status: StatusCode::BAD_REQUEST, errors: errors.collect() });
        }
    }

    let mut request = Request::new(query).variables(Variables::from_json(variables));
    request.operation_name = operation;
    request.set_parsed_query(parsed.document.clone());
    Ok(Asked { request, reads })
}

/// The operation that will run; `None` if the library will report that there is none.
fn meant<'d>(operations: &'d DocumentOperations, name: Option<&str>) -> Option<&'d OperationDefinition> {
    let mut named = operations.iter().filter(|(own, _)| name.is_none_or(|name| own.is_some_and(|own| own == name)));
    match (named.next(), named.next()) {
        (Some((_, only)), None) => Some(&only.node),
        _ => None,
    }
}

fn forbidden(field: &str) -> Malformed {
    let message = format!("insufficient_scope: no scope of the token allows the field {field}");
    Malformed { status: StatusCode::FORBIDDEN, errors: vec![error(&message, FORBIDDEN)] }
}

fn no_introspection() -> Malformed {
    let message = "GraphQL introspection is not allowed by Apollo Server, but the query contained __schema or __type. \
                   This server follows it: NODE_ENV is production. docs/admin-api.md says where the schema is.";
    let codes = json!({ "code": VALIDATION_FAILED, "validationErrorCode": "INTROSPECTION_DISABLED" });
    let error = json!({ "message": message, "extensions": codes });
    Malformed { status: StatusCode::BAD_REQUEST, errors: vec![error] }
}

/// The document. A document that is named only by its hash (an automatic persisted query) is never known here, so the
/// client sends it in full.
fn query(member: Option<Value>, extensions: Option<&Value>) -> Result<String, Malformed> {
    let persisted = extensions.and_then(|extensions| extensions.get("persistedQuery"));
    let hash = persisted.and_then(|persisted| persisted.get("sha256Hash")).and_then(Value::as_str);
    let is_first_version = persisted.and_then(|persisted| persisted.get("version")).is_some_and(|version| version == 1);
    if persisted.is_some() && !is_first_version {
        return Err(malformed("Unsupported persisted query version", BAD_REQUEST));
    }
    match (member, hash) {
        (Some(Value::String(query)), Some(hash)) if !query.is_empty() && !is_hash_of(hash, &query) => {
            Err(malformed("provided sha does not match query", BAD_REQUEST))
        }
        (Some(Value::String(query)), _) if !query.is_empty() => Ok(query),
        (None | Some(Value::Null), Some(_)) => {
            let error = error("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND");
            Err(Malformed { status: StatusCode::OK, errors: vec![error] })
        }
        (None | Some(Value::Null | Value::String(_)), _) => {
            let message = "GraphQL operations must contain a non-empty `query` or a `persistedQuery` extension.";
            Err(malformed(message, BAD_REQUEST))
        }
        (Some(_), _) => Err(malformed("GraphQL queries must be strings.", BAD_REQUEST)),
    }
}

fn is_hash_of(hash: &str, query: &str) -> bool {
    let digest = Sha256::digest(query);
    hex::encode(digest) == hash
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
