//! The Admin GraphQL API: grants as operators and tenants see them.
//!
//! Requests are signed by a tenant. The resolvers get a scope, which limits them to the data of the authenticated
//! tenant.

mod authentication;
mod grants;
mod http;
mod refusals;
mod rights;
mod schema;
mod types;

use std::time::Duration;

use http_kit::ServiceIdentities;
use http_kit::graphql::Introspection;
use shared_cache::SharedCache;

pub(crate) use self::http::execute;
pub(crate) use self::schema::{AdminSchema, build};

/// What the Admin API needs to know.
#[derive(Clone, Debug)]
pub struct AdminSettings {
    /// `ADMIN_API_SIGNATURE_VERSION`.
    pub signature_version: u32,
    /// `ADMIN_API_SIGNATURE_TTL_SECONDS`: how far a signature's time may be from now.
    pub signature_lifetime: Duration,
    /// How services prove who they are.
    pub identities: ServiceIdentities,
    /// Remembers signatures that were used.
    pub cache: SharedCache,
    /// Whether introspection of the schema is allowed; not in production.
    pub introspection: Introspection,
}

/// The schema in its definition language, for comparison with the published one.
pub fn schema_definition() -> String {
    schema::builder().finish().sdl()
}
