//! Client of the authorization server's service API, which mirrors tenants and says whether a grant still stands.
//!
//! It does not decide when to call. Each call makes one mirrored tenant equal to ours, whatever it was before, so a
//! call may be repeated. Secrets never reach a log.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use http::{Method, StatusCode};
use outbound_http::{Outbound, Request};
use payments_model::{Secret, Tenant, TenantId};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use service_identity::{CallError, CallerProof};
use url::Url;

/// A server that mirrors tenants.
#[async_trait]
pub trait TenantMirror: Send + Sync + fmt::Debug {
    /// Makes the mirrored tenant equal to this one. A deleted tenant is deleted there too.
    async fn bring_in_line(&self, tenant: &Tenant) -> Result<(), MirrorError>;
}

/// A server that knows grants.
#[async_trait]
pub trait Grants: Send + Sync + fmt::Debug {
    /// Whether this grant of the tenant still stands.
    async fn standing(&self, tenant: TenantId, grant: &str) -> Result<GrantStanding, MirrorError>;
}

/// Whether a grant still gives access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantStanding {
    /// It does.
    Stands,
    /// It was revoked or refused, and never will again.
    Ended,
}

#[derive(Deserialize)]
struct StandingDocument {
    standing: String,
}

/// Why a tenant is not mirrored yet, or why it is not known how a grant stands.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// The authorization server gave no answer.
    #[error("the authorization server does not answer at AUTH_SERVICE_API_URL: {0}")]
    NoAnswer(#[from] CallError),
    /// It does not accept our secret.
    #[error(
        "the authorization server does not accept our proof; set AUTH_SERVICE_SECRET to the same value at both, or \
         ADMIN_API_SECRET, or check SERVICE_AUTH at both"
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
    proof: CallerProof,
    operator: TenantId,
    deadline: Duration,
}

impl AuthService {
    /// Makes a client of the service API below `base`. The address guard does not apply to `base`. `proof` proves the
    /// right to call it. The operator's own tenant is configured at both servers, so only values that were set through
    /// the Admin API are sent for it.
    pub fn new(outbound: Outbound, base: &Url, proof: CallerProof, operator: TenantId) -> Self {
        let base = base.as_str().trim_end_matches('/').to_owned();
        Self { outbound, base, proof, operator, deadline: Duration::from_secs(5) }
    }

    async fn call(&self, method: Method, path: &str, body: &Value) -> Result<StatusCode, MirrorError> {
        let url = format!("{}{path}", self.base);
        let refused = |reason: String| MirrorError::Refused { status: 0, reason };
        let url = Url::parse(&url).map_err(|error| refused(error.to_string()))?;
        let mut request = Request::post_json(url, body).map_err(|error| refused(error.to_string()))?;
        request.method = method;
        let response = self.proof.send(&self.outbound, request.deadline(self.deadline).configured()).await?;
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
impl Grants for AuthService {
    async fn standing(&self, tenant: TenantId, grant: &str) -> Result<GrantStanding, MirrorError> {
        let unusable = |reason: String| MirrorError::Refused { status: 0, reason };
        let mut url = Url::parse(&self.base).map_err(|error| unusable(error.to_string()))?;
        let tenant = tenant.to_string();
        match url.path_segments_mut() {
            Ok(mut path) => path.pop_if_empty().extend(["tenant", &tenant, "grant", grant]),
            Err(()) => return Err(unusable("AUTH_SERVICE_API_URL has no path".to_owned())),
        };
        let request = Request::get(url).deadline(self.deadline).configured();
        let response = self.proof.send(&self.outbound, request).await?;
        match response.status {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(MirrorError::NotTrusted),
            status => return Err(MirrorError::Refused { status: status.as_u16(), reason: response.excerpt() }),
        }
        match serde_json::from_slice::<StandingDocument>(&response.body) {
            Ok(told) if told.standing == "stands" => Ok(GrantStanding::Stands),
            Ok(told) if told.standing == "ended" => Ok(GrantStanding::Ended),
            Ok(_) | Err(_) => {
                Err(unusable("the answer says neither that the grant stands nor that it ended".to_owned()))
            }
        }
    }
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
