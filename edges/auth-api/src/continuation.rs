//! `POST` and `DELETE /continue/{id}`.
//! The rules are in `services/auth`.

use axum::Json;
use axum::extract::{Path, State};
use gnap::{ContinueResponse, ErrorCode, TokenValue};
use http::StatusCode;
use http_kit::{RetryAfter, idempotency_key};

use crate::Api;
use crate::body::{Expected, check_content_type};
use crate::errors::ApiError;
use crate::signed::Message;

/// `POST /continue/{id}`: go on, with `interact_ref` or by polling.
pub(crate) async fn go_on(
    State(api): State<Api>,
    Path(id): Path<String>,
    message: Message,
) -> Result<Json<ContinueResponse>, ApiError> {
    check_content_type(&message.headers, &message.body, Expected::JsonOrNothing)?;
    let token = continue_token(&message)?;
    let key = idempotency_key(&message.headers)?;
    match api.auth.continue_grant(&id, &token, key, message.signed()).await {
        Ok(answer) => Ok(Json(answer)),
        Err(error) => {
            let error = ApiError::from(error);
            let wait = RetryAfter(api.auth.settings().terms.continue_wait);
            Err(if error.code == ErrorCode::TooFast { ApiError { retry_after: Some(wait), ..error } } else { error })
        }
    }
}

/// `DELETE /continue/{id}`: cancel the grant.
pub(crate) async fn cancel(
    State(api): State<Api>,
    Path(id): Path<String>,
    message: Message,
) -> Result<StatusCode, ApiError> {
    let token = continue_token(&message)?;
    api.auth.cancel_grant(&id, &token, message.signed()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Without the token the signature cannot cover all required parts.
fn continue_token(message: &Message) -> Result<TokenValue, ApiError> {
    message
        .token()
        .ok_or_else(|| ApiError::new(StatusCode::UNAUTHORIZED, ErrorCode::InvalidClient, "invalid signature headers"))
}
