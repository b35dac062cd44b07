//! The path of the Admin API: one signed POST, one answer.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http_kit::graphql;

use super::authentication::authenticate;
use crate::Api;
use crate::signed::Message;

/// `POST /graphql`
pub(crate) async fn execute(State(api): State<Api>, message: Message) -> Response {
    let body = match graphql::json(&message.body) {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    match authenticate(&api.auth, &api.admin, &message.headers, &body).await {
        Ok(scope) => api.endpoint.answer(&message.headers, body, scope).await,
        Err(unauthenticated) => unauthenticated.into_response(),
    }
}
