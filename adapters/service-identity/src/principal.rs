//! Who sends a request, and with which rights.
//!
//! How it was proven is in `judge` and `certificate`.

use service_auth::Scope;
use token_introspection::Refusal;

/// Who sends a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The client.
    pub client: String,
    /// The tenant that it acts for, if its provider says one.
    pub tenant: Option<String>,
    scopes: Vec<Scope>,
}

impl Principal {
    /// A client with these rights.
    pub fn new(client: String, tenant: Option<String>, scopes: Vec<Scope>) -> Self {
        Self { client, tenant, scopes }
    }

    /// Whether it has a right.
    pub fn has(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// It must have one of these rights.
    pub fn needs(&self, one_of: &[Scope]) -> Result<(), Refusal> {
        if one_of.iter().any(|scope| self.has(*scope)) { Ok(()) } else { Err(Refusal::InsufficientScope) }
    }
}
