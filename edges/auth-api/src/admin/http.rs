//! The path of the Admin API: one signed POST, one answer.
//! The signature is checked in `authentication`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http_kit::graphql::{self, AllFields};

use super::authentication::{Sender, authenticate};
use super::rights::ScopedRights;
use crate::Api;
use crate::signed::UncheckedMessage;

/// `POST /graphql`
pub(crate) async fn execute(State(api): State<Api>, UncheckedMessage(message): UncheckedMessage) -> Response {
    let Some(body) = graphql::json(&message.body) else { return graphql::no_json() };
    let Sender { scope, principal, who } = match authenticate(&api.auth, &api.admin, &message, &body).await {
        Ok(sender) => sender,
        Err(unauthenticated) => return unauthenticated.into_response(),
    };
    let mut response = match principal {
        None => api.endpoint.answer(&message.headers, body, scope, &AllFields).await,
        Some(principal) => api.endpoint.answer(&message.headers, body, scope, &ScopedRights(&principal)).await,
    };
    response.extensions_mut().insert(who);
    response
}
