//! `POST /{tenant}` and `GET /discovery`.
//! The rules are in `services/auth`.

use axum::Json;
use axum::extract::{Path, State};
use gnap::{Discovery, GrantResponse};

use crate::Api;
use crate::body::{Expected, check_content_type};
use crate::errors::ApiError;
use crate::signed::Message;

/// `POST /{tenant}`: a grant request.
pub(crate) async fn request(
    State(api): State<Api>,
    Path(tenant): Path<String>,
    message: Message,
) -> Result<Json<GrantResponse>, ApiError> {
    check_content_type(&message.headers, &message.body, Expected::Json)?;
    Ok(Json(api.auth.request_grant(&tenant, message.signed()).await?))
}

/// `GET /discovery` (RFC 9635 section 9). `{tenantId}` stands for the tenant's id.
pub(crate) async fn discover(State(api): State<Api>) -> Json<Discovery> {
    let base = api.auth.settings().server_url.as_str().trim_end_matches('/').to_owned();
    Json(Discovery::of(format!("{base}/{{tenantId}}")))
}
