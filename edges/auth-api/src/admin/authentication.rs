//! Which tenant signed an Admin API request.
//!
//! The check is that of the backend. A request signed for the backend is refused here.

use admin_signature::Audience;
use auth::{Auth, Scope};
use http::HeaderMap;
use http_kit::graphql::Unauthenticated;
use idempotency::{NotAccepted, SignedRequests};
use serde_json::Value;

use super::AdminSettings;

/// The scope of the tenant that signed `body`.
pub(crate) async fn authenticate(
    auth: &Auth,
    settings: &AdminSettings,
    headers: &HeaderMap,
    body: &Value,
) -> Result<Scope, Unauthenticated> {
    let (tenant, signature) = (sole(headers, "tenant-id")?, sole(headers, "signature")?);
    let tenant = tenant.parse().map_err(|_| Unauthenticated::Unauthorized)?;
    let found = auth.get_tenant(tenant).await.map_err(|error| {
        tracing::error!(%error, "the database failed");
        Unauthenticated::Unavailable
    })?;
    let tenant = found.ok_or(Unauthenticated::Unauthorized)?;
    let secrets = tenant.api_secret.good_at(auth.clock().now()).filter(|secret| !secret.is_empty());

    let requests = SignedRequests {
        audience: Audience::Auth,
        version: settings.signature_version,
        lifetime: settings.signature_lifetime,
        cache: settings.cache.clone(),
        clock: auth.shared_clock(),
    };

    match requests.accept(signature, tenant.id.as_uuid(), secrets.map(String::as_str), body).await {
        Ok(()) => Ok(auth.scope_of(&tenant)),
        Err(NotAccepted::Cache(error)) => {
            tracing::error!(%error, "used signatures cannot be stored");
            Err(Unauthenticated::Unavailable)
        }
        Err(why) => {
            tracing::debug!(%why, "an Admin API request was not authenticated");
            Err(Unauthenticated::Unauthorized)
        }
    }
}

/// The value of a header that is sent once.
fn sole<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<&'h str, Unauthenticated> {
    let mut values = headers.get_all(name).iter();
    match (values.next().and_then(|value| value.to_str().ok()), values.next()) {
        (Some(text), None) => Ok(text),
        _ => Err(Unauthenticated::Header(name)),
    }
}
