//! For which API a request was signed, and what makes it the only one of its kind.
//!
//! The signature covers the body and nothing else, and two APIs may share a secret. Clients of the original do not say
//! which API they mean. Those that do say it in `extensions` of the request, which servers are free to ignore
//! (GraphQL over HTTP, section "Request Parameters").

use serde_json::{Value, json};

/// An API whose requests are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Audience {
    /// The Admin API of the backend.
    Backend,
    /// The Admin API of the authorization server.
    Auth,
    /// The view of the ledger beside the backend's Admin API.
    LedgerView,
}

impl Audience {
    /// The name in requests and in the memory of used signatures.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Backend => "backend",
            Self::Auth => "auth",
            Self::LedgerView => "ledger-view",
        }
    }
}

/// The body with its audience and a text that no other request has, so that no two requests have equal signatures.
pub fn addressed(mut body: Value, audience: Audience, unique: &str) -> Value {
    body["extensions"] = json!({"audience": audience.as_str(), "nonce": unique});
    body
}

/// The audience `body` names, if it names one.
pub fn audience_of(body: &Value) -> Option<&Value> {
    body.get("extensions")?.get("audience")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_addressed_body_keeps_what_it_says_and_names_its_audience() {
        let body = addressed(json!({"query": "{whoami{id}}"}), Audience::Backend, "n1");
        assert_eq!(body, json!({"query": "{whoami{id}}", "extensions": {"audience": "backend", "nonce": "n1"}}));
        assert_eq!(audience_of(&body), Some(&json!("backend")));
        assert_eq!(audience_of(&json!({"query": "{whoami{id}}"})), None);
        assert_eq!(audience_of(&json!([1])), None);
    }
}
