//! Client of the authorization server's service API, which mirrors tenants.
//!
//! It does not decide when to call. Each call makes one mirrored tenant equal to ours, whatever it was before, so a
//! call may be repeated. Secrets never reach a log.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use http::{Method, StatusCode};
use outbound_http::{Outbound, OutboundError, Request};
use payments_model::{Secret, Tenant, TenantId};
use serde_json::{Map, Value, json};
use url::Url;

/// A server that mirrors tenants.
#[async_trait]
pub trait TenantMirror: Send + Sync + fmt::Debug {
    /// Makes the mirrored tenant equal to this one. A deleted tenant is deleted there too.
    async fn bring_in_line(&self, tenant: &Tenant) -> Result<(), MirrorError>;
}

/// Why a tenant is not mirrored yet.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// The authorization server gave no answer.
    #[error("the authorization server does not answer at AUTH_SERVICE_API_URL: {0}")]
    NoAnswer(#[from] OutboundError),
    /// It does not accept our secret.
    #[error(
        "the authorization server does not accept our secret; set AUTH_SERVICE_SECRET to the same value at both, or \
         ADMIN_API_SECRET"
    )]
    NotTrusted,
    /// It refuses the tenant.
    #[error("the authorization server refused the tenant with status {status}: {reason}")]
    Refused {
        /// The status of its answer.
        status: u16,
        /// The text of its answer.
        reason: String,
    },
}

/// The service API of one authorization server.
#[derive(Clone, Debug)]
pub struct AuthService {
    outbound: Outbound,
    base: String,
    secret: Secret,
    operator: TenantId,
    deadline: Duration,
}

impl AuthService {
    /// Makes a client of the service API below `base`. The address guard does not apply to `base`. `secret` proves the
    /// right to call it. The operator's own tenant is configured at both servers, so only values that were set through
    /// the Admin API are sent for it.
    pub fn new(outbound: Outbound, base: &Url, secret: Secret, operator: TenantId) -> Self {
        let base = base.as_str().trim_end_matches('/').to_owned();
        Self { outbound, base, secret, operator, deadline: Duration::from_secs(5) }
    }

    async fn call(&self, method: Method, path: &str, body: &Value) -> Result<StatusCode, MirrorError> {
        let url = format!("{}{path}", self.base);
        let refused = |reason: String| MirrorError::Refused { status: 0, reason };
        let url = Url::parse(&url).map_err(|error| refused(error.to_string()))?;
        let mut request = Request::post_json(url, body).map_err(|error| refused(error.to_string()))?;
        request.method = method;
        let authorization = format!("Bearer {}", self.secret.expose());
        let request = request.authorization(&authorization).deadline(self.deadline).configured();
        let response = self.outbound.send(request).await?;
        match response.status {
            status if status.is_success() => Ok(status),
            status @ (StatusCode::NOT_FOUND | StatusCode::CONFLICT) => Ok(status),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(MirrorError::NotTrusted),
            status => Err(MirrorError::Refused { status: status.as_u16(), reason: response.excerpt() }),
        }
    }

    async fn change(&self, tenant: &Tenant) -> Result<StatusCode, MirrorError> {
        let changes = if tenant.id == self.operator { only_what_is_set(tenant) } else { everything(tenant) };
        self.call(Method::PATCH, &format!("/tenant/{}", tenant.id), &changes).await
    }
}

fn everything(tenant: &Tenant) -> Value {
    json!({
        "apiSecret": tenant.api_secret.expose(),
        "idpConsentUrl": tenant.idp_consent_url,
        "idpSecret": tenant.idp_secret.as_ref().map(Secret::expose),
    })
}

fn only_what_is_set(tenant: &Tenant) -> Value {
    let mut changes = Map::new();
    if let Some(url) = &tenant.idp_consent_url {
        changes.insert("idpConsentUrl".to_owned(), json!(url));
    }
    if let Some(secret) = &tenant.idp_secret {
        changes.insert("idpSecret".to_owned(), json!(secret.expose()));
    }
    changes.into()
}

#[async_trait]
impl TenantMirror for AuthService {
    async fn bring_in_line(&self, tenant: &Tenant) -> Result<(), MirrorError> {
        if let Some(at) = tenant.deleted_at {
            // The tenant was deleted before, or was never created there. Both are the wanted result.
            let path = format!("/tenant/{}", tenant.id);
            self.call(Method::DELETE, &path, &json!({ "deletedAt": at.to_string() })).await?;
            return Ok(());
        }
        if self.change(tenant).await?.is_success() {
            return Ok(());
        }
        let mut new = everything(tenant);
        new["id"] = json!(tenant.id.to_string());
        match self.call(Method::POST, "/tenant", &new).await? {
            status if status.is_success() => Ok(()),
            status => Err(MirrorError::Refused {
                status: status.as_u16(),
                reason: "a tenant with this id existed before and is deleted; choose another id".to_owned(),
            }),
        }
    }
}
