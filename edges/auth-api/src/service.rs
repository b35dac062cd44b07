//! `/tenant` of the service listener: the backend reports its tenants, and asks whether a grant still stands.
//! Introspection has a listener of its own; see `introspection`.

use auth::{Scope, TenantChange, TenantData};
use auth_model::{GrantId, TenantId};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};
use axum::{Json, Router};
use clock::Timestamp;
use http::StatusCode;
use http_kit::{Access, Declared};
use outside_text::FieldChange;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::Api;
use crate::body::{Expected, check_content_type};
use crate::errors::{ApiError, not_found};
use crate::signed::Message;

/// The requests of the backend to the service listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceOperation {
    /// A tenant is new.
    CreateTenant,
    /// A tenant has changed.
    UpdateTenant,
    /// Whether a grant of a tenant still stands.
    AskGrant,
    /// A tenant was deleted.
    DeleteTenant,
}

impl ServiceOperation {
    /// Every operation, for tests of all of them.
    pub const ALL: [Self; 4] = [Self::CreateTenant, Self::UpdateTenant, Self::AskGrant, Self::DeleteTenant];

    /// Its method.
    pub const fn method(self) -> &'static str {
        match self {
            Self::CreateTenant => "POST",
            Self::UpdateTenant => "PATCH",
            Self::AskGrant => "GET",
            Self::DeleteTenant => "DELETE",
        }
    }

    /// Its path, with `{id}` for the tenant's id, and `{grant}` for that of a grant.
    pub const fn path(self) -> &'static str {
        match self {
            Self::CreateTenant => "/tenant",
            Self::UpdateTenant | Self::DeleteTenant => "/tenant/{id}",
            Self::AskGrant => "/tenant/{id}/grant/{grant}",
        }
    }
}

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .declare("/tenant", Access::Service, post(create))
        .declare("/tenant/{id}", Access::Service, patch(update).delete(delete))
        .declare("/tenant/{id}/grant/{grant}", Access::Service, get(grant))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewTenant {
    id: Option<String>,
    api_secret: String,
    idp_consent_url: Option<Url>,
    idp_secret: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Changes {
    api_secret: Option<String>,
    #[serde(default)]
    idp_consent_url: FieldChange<Url>,
    #[serde(default)]
    idp_secret: FieldChange<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Deletion {
    deleted_at: Timestamp,
}

/// `POST /tenant`
pub(crate) async fn create(State(api): State<Api>, message: Message) -> Result<StatusCode, ApiError> {
    let tenant: NewTenant = read(&message)?;
    require_text("apiSecret", &tenant.api_secret)?;
    let id = match tenant.id {
        Some(id) => id.parse().map_err(|_| ApiError::bad_request("body.id must be a UUID"))?,
        None => api.auth.fresh_tenant_id(),
    };
    require_web_page(tenant.idp_consent_url.as_ref())?;
    let tenant = TenantData {
        id,
        api_secret: tenant.api_secret,
        idp_consent_url: tenant.idp_consent_url,
        idp_secret: tenant.idp_secret,
    };
    api.auth.create_tenant(&tenant).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `PATCH /tenant/{id}`
pub(crate) async fn update(
    State(api): State<Api>,
    Path(id): Path<String>,
    message: Message,
) -> Result<StatusCode, ApiError> {
    let changes: Changes = read(&message)?;
    if let Some(secret) = &changes.api_secret {
        require_text("apiSecret", secret)?;
    }
    if let Some(url) = changes.idp_consent_url.new_value() {
        require_web_page(Some(url))?;
    }
    let Ok(id) = id.parse::<TenantId>() else { return Err(not_found().await) };
    let change = TenantChange {
        api_secret: changes.api_secret,
        idp_consent_url: changes.idp_consent_url,
        idp_secret: changes.idp_secret,
    };
    api.auth.update_tenant(id, change).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /tenant/{id}`
pub(crate) async fn delete(
    State(api): State<Api>,
    Path(id): Path<String>,
    message: Message,
) -> Result<StatusCode, ApiError> {
    let deletion: Deletion = read(&message)?;
    let Ok(id) = id.parse::<TenantId>() else { return Err(not_found().await) };
    api.auth.delete_tenant(id, deletion.deleted_at).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Serialize)]
struct StandingDocument {
    standing: &'static str,
}

/// `GET /tenant/{id}/grant/{grant}`: whether the grant still stands.
pub(crate) async fn grant(
    State(api): State<Api>,
    Path((tenant, id)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let (Ok(tenant), Ok(id)) = (tenant.parse::<TenantId>(), id.parse::<GrantId>()) else {
        return Err(not_found().await);
    };
    let found = api.auth.get_grant(Scope::Tenant(tenant), id).await;
    let Some(grant) = found.map_err(|error| ApiError::internal(&error))? else { return Err(not_found().await) };
    let standing = if grant.state.is_over() { "ended" } else { "stands" };
    Ok(Json(StandingDocument { standing }).into_response())
}

fn read<T: serde::de::DeserializeOwned>(message: &Message) -> Result<T, ApiError> {
    check_content_type(&message.headers, &message.body, Expected::JsonOrNothing)?;
    let body: &[u8] = if message.body.is_empty() { b"{}" } else { &message.body };
    serde_json::from_slice(body).map_err(|error| ApiError::bad_request(format_args!("body {error}")))
}

/// Owners' browsers are redirected to this URL.
fn require_web_page(url: Option<&Url>) -> Result<(), ApiError> {
    match url {
        Some(url) if !matches!(url.scheme(), "https" | "http") => {
            Err(ApiError::bad_request("body.idpConsentUrl must be an https URL"))
        }
        _ => Ok(()),
    }
}

fn require_text(member: &str, text: &str) -> Result<(), ApiError> {
    if text.is_empty() { Err(ApiError::bad_request(format_args!("body.{member} must not be empty"))) } else { Ok(()) }
}
