//! The API for which a request was signed, and a text that makes the request unique.
//!
//! It does not sign. The signature covers only the body, and two APIs may share a secret. Clients of the original do
//! not say which API they call. Other clients say it in `extensions` of the request, which servers may ignore (GraphQL
//! over HTTP, section "Request Parameters").

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
    /// The name in requests and in the store of used signatures.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Backend => "backend",
            Self::Auth => "auth",
            Self::LedgerView => "ledger-view",
        }
    }
}

/// The body with its audience and a unique text, so that no two requests have equal signatures.
pub fn addressed(mut body: Value, audience: Audience, unique: &str) -> Value {
    let extensions = &mut body["extensions"];
    extensions["audience"] = json!(audience.as_str());
    extensions["nonce"] = json!(unique);
    body
}

/// The audience that `body` names, if there is one.
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
        let more = addressed(json!({"query": "q", "extensions": {"waits": 1}}), Audience::Backend, "n1");
        assert_eq!(more["extensions"], json!({"waits": 1, "audience": "backend", "nonce": "n1"}));
        assert_eq!(audience_of(&body), Some(&json!("backend")));
        assert_eq!(audience_of(&json!({"query": "{whoami{id}}"})), None);
        assert_eq!(audience_of(&json!([1])), None);
    }
}
