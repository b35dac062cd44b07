//! `/grant/{id}/{nonce}` of the interaction listener, for identity providers.
//! The pages of the owner's browser are in `interact`.

use auth::InteractionDetails;
use auth_model::Choice;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use clock::Timestamp;
use gnap::{AccessItem, Subject};
use http::{HeaderMap, StatusCode};
use http_kit::ClientAddress;
use serde::Serialize;

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
    headers: HeaderMap,
) -> Result<Json<Details>, ApiError> {
    check_accept(&headers)?;
    let source = from.source().to_string();
    Ok(Json(api.auth.interaction_details(&id, &nonce, secret(&headers), &source).await?.into()))
}

/// `POST /grant/{id}/{nonce}/{choice}`: what the owner answered.
pub(crate) async fn decide(
    State(api): State<Api>,
    Path((id, nonce, choice)): Path<(String, String, String)>,
    from: ClientAddress,
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

    let source = from.source().to_string();
    api.auth.decide_interaction(&id, &nonce, choice, secret(&headers), &source).await?;
    Ok((StatusCode::ACCEPTED, "Accepted").into_response())
}

fn secret(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-idp-secret").and_then(|value| value.to_str().ok())
}
