//! A request in one line, without personal data: method, path and the name of a GraphQL operation.
//!
//! Segments of a path that are neither ids nor words of the APIs may be names of people, so they are not shown.

use std::fmt;

use serde_json::Value;
use uuid::Uuid;

const WORDS: &[&str] = &[
    "incoming-payments",
    "outgoing-payments",
    "outgoing-payment-grant",
    "quotes",
    "complete",
    "jwks.json",
    "did.json",
    ".well-known",
    "pay",
    "graphql",
    "token",
    "continue",
    "interact",
    "grant",
    "introspect",
    "healthz",
    "accept",
    "reject",
    "finish",
    "tenant",
    "connections",
    "ilp",
];

/// The longest name of an operation that is shown.
const NAME_MAX: usize = 64;

/// A request in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route(String);

impl Route {
    /// The route of a request. `path` may have a query, which is not shown.
    pub fn of(method: &str, path: &str, body: &[u8]) -> Self {
        let mut text = String::from(if method.bytes().all(|c| c.is_ascii_uppercase()) { method } else { "?" });
        text.push(' ');
        let path = path.split(['?', '#']).next().unwrap_or_default();
        for segment in path.split('/').skip(1) {
            text.push('/');
            let is_shown = segment.is_empty() || WORDS.contains(&segment) || Uuid::try_parse(segment).is_ok();
            text.push_str(if is_shown { segment } else { "*" });
        }
        if let Some(name) = operation(body) {
            text.push(' ');
            text.push_str(&name);
        }
        Self(text)
    }
}

/// The name that the developer of the client gave to a GraphQL operation, or that of its first field.
fn operation(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let document = body.get("query")?.as_str()?;
    let named = body.get("operationName").and_then(Value::as_str).map(str::to_owned);
    let written = || {
        let kind = crate::purpose::operations(document).next();
        let (_, after) = kind.map_or(("", document), |kind| document.split_once(kind).unwrap_or(("", document)));
        let name = after.trim_start().trim_start_matches('{').trim_start();
        let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(name.len());
        Some(name[..end].to_owned())
    };
    let name = named.or_else(written)?;
    let is_name = name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_');
    (is_name && !name.is_empty() && name.len() <= NAME_MAX).then_some(name)
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_people_are_not_shown() {
        let id = Uuid::from_u128(7);
        for (method, path, body, shown) in [
            ("GET", "/alice", "", "GET /*".to_owned()),
            (
                "GET",
                &*format!("/{id}/incoming-payments/{id}?wallet-address=alice"),
                "",
                format!("GET /{id}/incoming-payments/{id}"),
            ),
            ("POST", "/graphql", r#"{"query":"query Peers { peers }"}"#, "POST /graphql Peers".to_owned()),
            ("POST", "/graphql", r#"{"query":"{ peers }"}"#, "POST /graphql peers".to_owned()),
            ("POST", "/graphql", r#"{"query":"{a}","operationName":"Given"}"#, "POST /graphql Given".to_owned()),
            ("POST", "/graphql", r#"{"query":"{a}","operationName":"al ice"}"#, "POST /graphql".to_owned()),
            ("x", "/", "{}", "? /".to_owned()),
        ] {
            assert_eq!(Route::of(method, path, body.as_bytes()).to_string(), shown);
        }
    }
}
