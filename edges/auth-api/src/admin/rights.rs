//! Which scope of a token allows which field of the authorization server's Admin API.
//!
//! A field that is in no list needs `admin:*`.

use http_kit::graphql::FieldRights;
use service_auth::Scope;
use service_identity::Principal;

/// The rights of a caller with a token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScopedRights<'p>(pub(crate) &'p Principal);

impl FieldRights for ScopedRights<'_> {
    fn root(&self, field: &str) -> bool {
        let scopes: &[Scope] = match field {
            "grant" | "grants" => &[Scope::GrantsRead],
            "revokeGrant" => &[Scope::GrantsRevoke],
            _ => &[],
        };
        self.0.has(Scope::Admin) || scopes.iter().any(|scope| self.0.has(*scope))
    }

    fn nested(&self, _: &str) -> bool {
        true
    }
}
