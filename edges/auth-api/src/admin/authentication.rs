//! Which tenant signed an Admin API request, or for which tenant a service with a token or certificate acts.
//!
//! The check is that of the backend. A request signed for the backend is refused here.

use admin_signature::Audience;
use auth::{Auth, Scope};
use http::HeaderMap;
use http_kit::LetIn;
use http_kit::graphql::Unauthenticated;
use idempotency::{NotAccepted, SignedRequests};
use serde_json::Value;
use service_auth::Service;
use service_identity::{Principal, Refusal};

use super::AdminSettings;
use crate::signed::Message;

/// A sender whose proof was accepted.
pub(crate) struct Sender {
    pub(crate) scope: Scope,
    /// The service, if it showed a token.
    pub(crate) principal: Option<Principal>,
    /// Who it is, for those who audit calls.
    pub(crate) who: LetIn,
}

/// The sender of `body`. A request with a token and a signature must have both right.
pub(crate) async fn authenticate(
    auth: &Auth,
    settings: &AdminSettings,
    message: &Message,
    body: &Value,
) -> Result<Sender, Unauthenticated> {
    let (identities, headers) = (&settings.identities, &message.headers);
    // The query of a signed URL is checked with its signature, and this API has none.
    let principal = identities.principal(headers, None, &message.certificate, Service::AuthAdmin).await;
    let principal = principal.map_err(Unauthenticated::Token)?;
    if principal.is_none() && !identities.secrets(Service::AuthAdmin) {
        return Err(Unauthenticated::Token(Refusal::Missing));
    }

    let tenant = sole(headers, "tenant-id")?.parse().map_err(|_| Unauthenticated::Unauthorized)?;
    let found = auth.get_tenant(tenant).await.map_err(|error| {
        tracing::error!(%error, "the database failed");
        Unauthenticated::Unavailable
    })?;
    let tenant = found.ok_or(Unauthenticated::Unauthorized)?;
    if let Some(principal) = &principal {
        let own = principal.tenant.as_deref().and_then(|own| own.parse().ok()) == Some(tenant.id);
        if !own && !principal.has(service_auth::Scope::Operator) {
            return Err(Unauthenticated::Token(Refusal::InsufficientScope));
        }
        if !headers.contains_key("signature") {
            let who = LetIn::service(principal);
            return Ok(Sender { scope: auth.scope_of(&tenant), principal: Some(principal.clone()), who });
        }
    }
    let signature = sole(headers, "signature")?;
    let secrets = tenant.api_secret.good_at(auth.clock().now()).filter(|secret| !secret.is_empty());

    let requests = SignedRequests {
        audience: Audience::Auth,
        version: settings.signature_version,
        lifetime: settings.signature_lifetime,
        cache: settings.cache.clone(),
        clock: auth.shared_clock(),
    };

    match requests.accept(signature, tenant.id.as_uuid(), secrets.map(String::as_str), body).await {
        Ok(()) => {
            let who = principal.as_ref().map_or_else(|| LetIn::tenant(tenant.id), LetIn::service);
            Ok(Sender { scope: auth.scope_of(&tenant), principal, who })
        }
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
