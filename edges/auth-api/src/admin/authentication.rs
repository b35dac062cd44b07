//! Which tenant signed an Admin API request.
//!
//! Judged as at the backend; a request signed for the backend is refused here.

use admin_signature::Audience;
use auth::{Auth, Scope};
use http::HeaderMap;
use idempotency::{NotAccepted, SignedRequests};
use serde_json::Value;

use super::AdminSettings;

/// The request is nobody's. The reason is not told.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Not signed by a tenant, or not for the first time.
    Unauthorized,
    /// It could not be found out.
    Unavailable,
}

pub(crate) async fn authenticate(
    auth: &Auth,
    settings: &AdminSettings,
    headers: &HeaderMap,
    body: &Value,
) -> Result<Scope, Refusal> {
    let (tenant, signature) = (sole(headers, "tenant-id")?, sole(headers, "signature")?);
    let tenant = tenant.parse().map_err(|_| Refusal::Unauthorized)?;
    let found = auth.get_tenant(tenant).await.map_err(|error| {
        tracing::error!(%error, "the database failed");
        Refusal::Unavailable
    })?;
    let tenant = found.filter(|tenant| !tenant.api_secret.is_empty()).ok_or(Refusal::Unauthorized)?;
    let requests = SignedRequests {
        audience: Audience::Auth,
        version: settings.signature_version,
        lifetime: settings.signature_lifetime,
        cache: settings.cache.clone(),
        clock: auth.shared_clock(),
    };
    match requests.accept(signature, tenant.id.as_uuid(), &tenant.api_secret, body).await {
        Ok(()) => Ok(auth.scope_of(&tenant)),
        Err(NotAccepted::Cache(error)) => {
            tracing::error!(%error, "used signatures cannot be remembered");
            Err(Refusal::Unavailable)
        }
        Err(why) => {
            tracing::debug!(%why, "an Admin API request was not authenticated");
            Err(Refusal::Unauthorized)
        }
    }
}

/// The value of a header that is sent once.
fn sole<'h>(headers: &'h HeaderMap, name: &str) -> Result<&'h str, Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next().and_then(|value| value.to_str().ok()), values.next()) {
        (Some(text), None) => Ok(text),
        _ => Err(Refusal::Unauthorized),
    }
}
