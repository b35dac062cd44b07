//! The sender of a request: the tenant whose secret signed it, or a service with a token or certificate that acts for it.
//!
//! A client sees the same answer for every failure, except that a missing header is named.

use std::sync::Arc;

use admin_signature::Audience;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use http_kit::{ShownCertificate, graphql};
use idempotency::{NotAccepted, SignedRequests};
use payments::administration::Caller;
use payments_model::{Secret, TenantId};
use service_auth::{Scope, Service};
use service_identity::Refusal;

use crate::AdminApiParts;
use crate::rights::Sender;

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unauthenticated {
    #[error("the header {0} is missing, was sent twice, or cannot be read")]
    Header(&'static str),
    #[error("there is no such tenant")]
    UnknownTenant,
    #[error(transparent)]
    NotAccepted(NotAccepted),
    #[error(transparent)]
    Token(Refusal),
    #[error(transparent)]
    Database(#[from] payments_store::Error),
    #[error(transparent)]
    Cache(shared_cache::CacheError),
}

impl From<NotAccepted> for Unauthenticated {
    fn from(why: NotAccepted) -> Self {
        match why {
            NotAccepted::Cache(error) => Self::Cache(error),
            why => Self::NotAccepted(why),
        }
    }
}

impl From<Unauthenticated> for graphql::Unauthenticated {
    fn from(why: Unauthenticated) -> Self {
        match why {
            Unauthenticated::Database(_) | Unauthenticated::Cache(_) => {
                let error = &why as &dyn std::error::Error;
                tracing::error!(error, "an Admin API request could not be authenticated");
                Self::Unavailable
            }
            Unauthenticated::Header(name) => Self::Header(name),
            Unauthenticated::Token(refusal) => {
                tracing::warn!(%refusal, "an Admin API request with a token was not accepted");
                Self::Token(refusal)
            }
            why => {
                tracing::warn!(
                    %why,
                    "an Admin API request was answered with 401; the caller's secret must be the tenant's API secret \
                     (the operator's is ADMIN_API_SECRET here, and SIGNATURE_SECRET in the wallet's environment)"
                );
                Self::Unauthorized
            }
        }
    }
}

/// The sender of `body`. A request with a token or certificate, and a signature, must have both right.
pub(crate) async fn authenticate(
    parts: &AdminApiParts,
    head: &Parts,
    body: &serde_json::Value,
) -> Result<Sender, Unauthenticated> {
    let (identities, headers) = (&parts.identities, &head.headers);
    let certificate = ShownCertificate::of(&head.extensions);
    let principal = identities.principal(headers, head.uri.query(), &certificate, Service::BackendAdmin).await;
    let principal = principal.map_err(Unauthenticated::Token)?;
    if principal.is_none() && !identities.secrets(Service::BackendAdmin) {
        return Err(Unauthenticated::Token(Refusal::Missing));
    }

    let tenant: TenantId = text(headers, "tenant-id")?.parse().map_err(|_| Unauthenticated::Header("tenant-id"))?;
    let facts = parts.directory.facts().await?;
    let known = facts.tenant(tenant).ok_or(Unauthenticated::UnknownTenant)?;
    let caller = Caller { tenant, is_operator: tenant == parts.settings.operator };
    if let Some(principal) = &principal {
        let own = principal.tenant.as_deref().and_then(|own| own.parse().ok()) == Some(tenant);
        if !own && !principal.has(Scope::Operator) {
            return Err(Unauthenticated::Token(Refusal::InsufficientScope));
        }
        if !headers.contains_key("signature") {
            return Ok(Sender { caller, principal: Some(principal.clone()) });
        }
    }

    let signed = text(headers, "signature")?;
    let secrets = known.api_secrets(parts.clock.now()).map(Secret::expose).filter(|secret| !secret.is_empty());
    let requests = SignedRequests {
        audience: Audience::Backend,
        version: parts.settings.signature_version,
        lifetime: parts.settings.signature_ttl,
        cache: parts.cache.clone(),
        clock: Arc::clone(&parts.clock),
    };
    requests.accept(signed, tenant.as_uuid(), secrets, body).await?;
    Ok(Sender { caller, principal })
}

fn text<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<&'h str, Unauthenticated> {
    let mut values = headers.get_all(name).iter();
    match (values.next().and_then(|value| value.to_str().ok()), values.next()) {
        (Some(text), None) => Ok(text),
        _ => Err(Unauthenticated::Header(name)),
    }
}
