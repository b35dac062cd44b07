//! `/grant/{id}/{nonce}` of the interaction listener, for identity providers.
//! The pages of the owner's browser are in `interact`.

use auth::{DecideError, DetailsError, InteractionDetails, ProviderProof};
use auth_model::Choice;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use clock::Timestamp;
use gnap::{AccessItem, Subject};
use http::{HeaderMap, StatusCode};
use http_kit::{ClientAddress, ShownCertificate};
use serde::Serialize;
use service_auth::{Scope, Service};
use service_identity::Refusal;

use crate::Api;
use crate::body::check_accept;
use crate::errors::ApiError;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Details {
    grant_id: String,
    access: Vec<AccessItem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Subject>,
    state: &'static str,
    client_name: String,
    client_uri: String,
    expires_at: Timestamp,
    tenant_id: String,
}

impl From<InteractionDetails> for Details {
    fn from(details: InteractionDetails) -> Self {
        Self {
            grant_id: details.grant.to_string(),
            access: details.access,
            subject: details.subject,
            state: details.interaction.choice.as_str(),
            client_name: details.interaction.client.name,
            client_uri: details.interaction.client.uri,
            expires_at: details.interaction.expires_at,
            tenant_id: details.tenant.to_string(),
        }
    }
}

/// `GET /grant/{id}/{nonce}`: what the owner is asked.
pub(crate) async fn details(
    State(api): State<Api>,
    Path((id, nonce)): Path<(String, String)>,
    from: ClientAddress,
    certificate: ShownCertificate,
    headers: HeaderMap,
) -> Result<Json<Details>, ApiError> {
    check_accept(&headers)?;
    let proof = proof(&api, &headers, &certificate, Scope::IdpRead).await?;
    let proof = proof.ok_or(DetailsError::Secret)?;
    let source = from.source().to_string();
    Ok(Json(api.auth.interaction_details(&id, &nonce, proof, &source).await?.into()))
}

/// `POST /grant/{id}/{nonce}/{choice}`: what the owner answered.
pub(crate) async fn decide(
    State(api): State<Api>,
    Path((id, nonce, choice)): Path<(String, String, String)>,
    from: ClientAddress,
    certificate: ShownCertificate,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    check_accept(&headers)?;
    let choice = match choice.as_str() {
        "accept" => Choice::Approved,
        "reject" => Choice::Denied,
        _ => {
            let problem = "path.choice must be equal to one of the allowed values: accept, reject";
            return Err(ApiError::bad_request(problem));
        }
    };

    let proof = proof(&api, &headers, &certificate, Scope::IdpDecide).await?;
    let proof = proof.ok_or(DecideError::Secret)?;
    let source = from.source().to_string();
    api.auth.decide_interaction(&id, &nonce, choice, proof, &source).await?;
    Ok((StatusCode::ACCEPTED, "Accepted").into_response())
}

/// The token or certificate of a service, if it is accepted and there is one, and otherwise the secret. `None`: nothing
/// is shown. The answer is that to a wrong secret, so nobody learns whether there is such an interaction.
async fn proof<'h>(
    api: &Api,
    headers: &'h HeaderMap,
    certificate: &ShownCertificate,
    needed: Scope,
) -> Result<Option<ProviderProof<'h>>, ApiError> {
    let identities = &api.admin.identities;
    let Some(principal) = identities.principal(headers, None, certificate, Service::AuthIdp).await? else {
        let secret = headers.get("x-idp-secret").filter(|_| identities.secrets(Service::AuthIdp));
        return Ok(secret.and_then(|value| value.to_str().ok()).map(ProviderProof::Secret));
    };
    principal.needs(&[needed])?;
    if principal.has(Scope::Operator) {
        return Ok(Some(ProviderProof::OfEveryTenant));
    }
    let own = principal.tenant.as_deref().and_then(|tenant| tenant.parse().ok());
    own.map(|tenant| Some(ProviderProof::Of(tenant))).ok_or_else(|| Refusal::InsufficientScope.into())
}
