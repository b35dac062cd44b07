//! `POST /` of the introspection listener.
//! The token's own routes are in `tokens`.

use axum::extract::State;
use axum::{Extension, Json};
use gnap::{IntrospectionRequest, TokenInfo};
use http_kit::Effect;

use crate::Api;
use crate::body::{Expected, check_content_type};
use crate::errors::ApiError;
use crate::signed::Message;

/// `POST /`: the data and the rights of a token.
pub(crate) async fn introspect(
    State(api): State<Api>,
    message: Message,
) -> Result<(Extension<Effect>, Json<TokenInfo>), ApiError> {
    check_content_type(&message.headers, &message.body, Expected::Json)?;
    let question = IntrospectionRequest::parse(&message.body)?;
    Ok((Extension(Effect::Read), Json(api.auth.introspect(&question).await?)))
}
