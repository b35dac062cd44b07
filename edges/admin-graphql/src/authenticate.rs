//! Who sends a request: the tenant whose secret signed it (multi-tenancy section 3).
//!
//! Every failure looks the same from outside.

use admin_client::signature;
use axum::http::HeaderMap;
use bytes::Bytes;
use http_kit::graphql;
use payments::administration::Caller;
use payments_model::TenantId;

use crate::AdminApiParts;

/// Why a request is not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unauthenticated {
    #[error("the header {0} is missing or unreadable")]
    Header(&'static str),
    #[error("there is no such tenant")]
    UnknownTenant,
    #[error(transparent)]
    Signature(#[from] signature::SignatureError),
    #[error("the signature was used before")]
    Replayed,
    #[error(transparent)]
    Database(#[from] payments_store::Error),
    #[error(transparent)]
    Cache(#[from] shared_cache::CacheError),
}

impl From<Unauthenticated> for graphql::Unauthenticated {
    fn from(why: Unauthenticated) -> Self {
        match why {
            Unauthenticated::Database(_) | Unauthenticated::Cache(_) => {
                let error = &why as &dyn std::error::Error;
                tracing::error!(error, "an Admin API request could not be authenticated");
                Self::Unavailable
            }
            why => {
                tracing::debug!(%why, "an Admin API request was not authenticated");
                Self::Unauthorized
            }
        }
    }
}

/// The tenant that signed `body`.
///
/// The signature is verified before it is remembered, so that nobody without a secret can fill the memory.
pub(crate) async fn authenticate(
    parts: &AdminApiParts,
    headers: &HeaderMap,
    body: &serde_json::Value,
) -> Result<Caller, Unauthenticated> {
    let signed = text(headers, "signature")?;
    let tenant: TenantId = text(headers, "tenant-id")?.parse().map_err(|_| Unauthenticated::Header("tenant-id"))?;
    let store = parts.administration.store();
    let found = store.tenant(tenant).find_tenant(tenant).await?;
    let found = found.filter(|tenant| tenant.deleted_at.is_none()).ok_or(Unauthenticated::UnknownTenant)?;
    let secret = found.api_secret.expose();
    if secret.is_empty() {
        return Err(Unauthenticated::UnknownTenant);
    }
    let settings = &parts.settings;
    let canonical = signature::canonical(body);
    let now = parts.clock.now();
    signature::verify(signed, secret, settings.signature_version, now, settings.signature_ttl, &canonical)?;
    // A signature may also come from a clock that is ahead by as much as it may be old.
    let life = settings.signature_ttl.saturating_mul(2);
    let key = format!("signature:{tenant}:{signed}");
    if !parts.cache.set_if_absent(&key, Bytes::from_static(b"1"), life).await? {
        return Err(Unauthenticated::Replayed);
    }
    Ok(Caller { tenant, is_operator: tenant == settings.operator })
}

fn text<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<&'h str, Unauthenticated> {
    headers.get(name).and_then(|value| value.to_str().ok()).ok_or(Unauthenticated::Header(name))
}
