//! Which tenant signed an Admin API request (multi-tenancy section 3).
//!
//! Verified first, then remembered, so that strangers cannot fill the memory of used signatures.

use admin_client::signature;
use auth::{Auth, Scope};
use bytes::Bytes;
use http::HeaderMap;
use http_kit::graphql::Unauthenticated;
use serde_json::Value;

use super::AdminSettings;

/// The scope of the tenant that signed `body`.
pub(crate) async fn authenticate(
    auth: &Auth,
    settings: &AdminSettings,
    headers: &HeaderMap,
    body: &Value,
) -> Result<Scope, Unauthenticated> {
    let header =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).ok_or(Unauthenticated::Unauthorized);
    let (tenant, signature) = (header("tenant-id")?, header("signature")?);
    let tenant = tenant.parse().map_err(|_| Unauthenticated::Unauthorized)?;
    let found = auth.get_tenant(tenant).await.map_err(|error| {
        tracing::error!(%error, "the database failed");
        Unauthenticated::Unavailable
    })?;
    let tenant = found.filter(|tenant| !tenant.api_secret.is_empty()).ok_or(Unauthenticated::Unauthorized)?;
    let (now, lifetime) = (auth.clock().now(), settings.signature_lifetime);
    let signed = signature::canonical(body);
    signature::verify(signature, &tenant.api_secret, settings.signature_version, now, lifetime, &signed)
        .map_err(|_| Unauthenticated::Unauthorized)?;
    let key = format!("auth:signature:{}:{signature}", tenant.id);
    match settings.cache.set_if_absent(&key, Bytes::new(), lifetime * 2).await {
        Ok(true) => Ok(auth.scope_of(&tenant)),
        Ok(false) => Err(Unauthenticated::Unauthorized),
        Err(error) => {
            tracing::error!(%error, "used signatures cannot be remembered");
            Err(Unauthenticated::Unavailable)
        }
    }
}
