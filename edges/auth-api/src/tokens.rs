//! `POST` and `DELETE /token/{id}`.
//! Looking a token up is in `introspection`.

use axum::Json;
use axum::extract::{Path, State};
use gnap::TokenResponse;
use http::StatusCode;
use http_kit::idempotency_key;

use crate::Api;
use crate::errors::ApiError;
use crate::signed::Message;

/// `POST /token/{id}`: replace an access token.
pub(crate) async fn rotate(
    State(api): State<Api>,
    Path(id): Path<String>,
    message: Message,
) -> Result<Json<TokenResponse>, ApiError> {
    let key = idempotency_key(&message.headers)?;
    Ok(Json(api.auth.rotate_token(&id, message.token().as_ref(), key, message.signed()).await?))
}

/// `DELETE /token/{id}`: revoke an access token.
pub(crate) async fn revoke(
    State(api): State<Api>,
    Path(id): Path<String>,
    message: Message,
) -> Result<StatusCode, ApiError> {
    api.auth.revoke_token(&id, message.token().as_ref(), message.signed()).await?;
    Ok(StatusCode::NO_CONTENT)
}
