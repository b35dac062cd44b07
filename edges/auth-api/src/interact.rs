//! `/interact/{id}/{nonce}` and `…/finish`: the owner's browser.
//!
//! A browser is redirected to the client's page only if it started the interaction. Any other browser gets a page with
//! a link.

use std::collections::HashMap;

use auth::{FinishError, Finished, StartError, Started};
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use url::Url;

use crate::Api;
use crate::body::check_accept;
use crate::errors::ApiError;
use crate::pages::{discreet, page, reads_html, redirect};

/// `GET /interact/{id}/{nonce}?clientName=…&clientUri=…`: on to the consent page.
///
/// The two parameters must be present, but their values are not shown. The owner sees data from the client's wallet
/// address.
pub(crate) async fn start(
    State(api): State<Api>,
    Path((id, nonce)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    if let Err(error) = check_start(&headers, &query) {
        return discreet(error.into_response());
    }
    let session = api.sessions.of(&headers);
    let now = api.auth.clock().now();
    let response = match api.auth.start_interaction(&id, &nonce).await {
        Ok(Started { consent_page, expires_at }) => {
            let mut session = session;
            session.start(&nonce, expires_at, now);
            let mut response = redirect(&consent_page);
            api.sessions.save(&session, now, response.headers_mut());
            response
        }
        Err(error) => {
            let back = match &error {
                StartError::Over { back } | StartError::NoIdentityProvider { back } => back.clone(),
                StartError::Unknown | StartError::Store(_) => None,
            };
            refuse(error.into(), back.as_ref(), session.has_started(&nonce, now), &headers)
        }
    };

    discreet(response)
}

/// `GET /interact/{id}/{nonce}/finish`: back from the consent page, on to the client.
pub(crate) async fn finish(
    State(api): State<Api>,
    Path((id, nonce)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    if let Err(error) = check_browser(&headers) {
        return discreet(error.into_response());
    }
    let is_same_browser = api.sessions.of(&headers).has_started(&nonce, api.auth.clock().now());
    let response = match api.auth.finish_interaction(&id, &nonce, is_same_browser).await {
        Ok(Finished::Redirect(to)) => redirect(&to),
        Ok(Finished::Stay) if reads_html(&headers) => {
            page(StatusCode::ACCEPTED, "Your decision was recorded. You may close this page.", None)
        }
        Ok(Finished::Stay) => (StatusCode::ACCEPTED, "Accepted").into_response(),
        Err(error) => {
            let back = match &error {
                FinishError::Expired { back } => back.clone(),
                _ => None,
            };
            refuse(error.into(), back.as_ref(), is_same_browser, &headers)
        }
    };
    discreet(response)
}

fn refuse(error: ApiError, back: Option<&Url>, is_same_browser: bool, headers: &HeaderMap) -> Response {
    match back {
        Some(back) if is_same_browser => redirect(back),
        _ if reads_html(headers) => page(error.status, &sentence(&error), back),
        _ => error.into_response(),
    }
}

fn sentence(error: &ApiError) -> String {
    match error.description.as_str() {
        "invalid session" => "Please start again in the application: this browser did not begin the request, \
                              or its cookies are blocked."
            .to_owned(),
        "interaction expired" => "The request has expired. Please start again in the application.".to_owned(),
        _ => "This request is no longer valid. Please start again in the application.".to_owned(),
    }
}

fn check_start(headers: &HeaderMap, query: &HashMap<String, String>) -> Result<(), ApiError> {
    check_browser(headers)?;
    match ["clientName", "clientUri"].into_iter().find(|name| !query.contains_key(*name)) {
        Some(name) => Err(ApiError::bad_request(format_args!("query must have required property '{name}'"))),
        None => Ok(()),
    }
}

fn check_browser(headers: &HeaderMap) -> Result<(), ApiError> {
    if reads_html(headers) { Ok(()) } else { check_accept(headers) }
}
