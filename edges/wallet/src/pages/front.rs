//! The front door of a wallet whose modules run as processes of their own: the process of the users passes on what
//! browsers ask of the others.
//!
//! What the other process answers is not changed. If it does not answer, a page says so.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCEPT_LANGUAGE, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, DATE, TRANSFER_ENCODING, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use http_kit::{ClientAddress, read_body};

use super::context::{FORM_MAX, Pages, Problem, Reader};
use crate::modules::Module;

/// From where the browser came. Only a listener whose callers have proved who they are reads it.
const VISITOR: HeaderName = HeaderName::from_static("rafiki-visitor");
/// What the other process needs to know of a request.
const PASSED_ON: [HeaderName; 4] = [ACCEPT_LANGUAGE, CONTENT_TYPE, COOKIE, USER_AGENT];
/// What is about one connection, or is made anew.
const OF_THE_CONNECTION: [HeaderName; 4] = [CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING];

/// The module that has a page.
pub(crate) fn module_of(path: &str) -> Module {
    match path.split('/').nth(1).unwrap_or_default() {
        "agreements" | "consent" | "consent-screen" | "mock-idp" | "oauth" => Module::Agreements,
        "cards" | "contacts" | "exchange" | "request" | "requests" | "send" => Module::Payments,
        _ => Module::Accounts,
    }
}

/// A page of another process.
pub(crate) async fn pass_on(State(pages): State<Pages>, reader: Reader, request: Request) -> Response {
    let Some(link) = pages.0.elsewhere.to(module_of(request.uri().path())) else {
        return reader.problem(&Problem::NotFound);
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD | Method::POST) {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let (head, body) = request.into_parts();
    let body = match read_body(body, FORM_MAX).await {
        Ok(body) => body,
        Err(error) => return error.into_response(),
    };
    let mut headers = HeaderMap::new();
    for name in PASSED_ON {
        for value in head.headers.get_all(&name) {
            headers.append(name.clone(), value.clone());
        }
    }
    if let Some(ClientAddress(address)) = head.extensions.get()
        && let Ok(address) = HeaderValue::from_str(&address.to_string())
    {
        headers.insert(VISITOR, address);
    }
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    match link.page(head.method, path, headers, body).await {
        Err(error) => reader.problem(&error.into()),
        Ok(answered) => {
            let mut response = (answered.status, answered.body).into_response();
            let passed = answered.headers.iter().filter(|(name, _)| !OF_THE_CONNECTION.contains(name));
            response.headers_mut().remove(CONTENT_TYPE);
            for (name, value) in passed {
                response.headers_mut().append(name.clone(), value.clone());
            }
            response
        }
    }
}

/// A layer of the pages behind the front door: the browser comes from where the front door says.
pub(crate) async fn visitor_told(mut request: Request, next: Next) -> Response {
    let told = request.headers().get(VISITOR).and_then(|value| value.to_str().ok());
    if let Some(address) = told.and_then(|text| text.parse::<IpAddr>().ok()) {
        request.extensions_mut().insert(ClientAddress(address));
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_has_one_module() {
        for (path, module) in [
            ("/", Module::Accounts),
            ("/history/1", Module::Accounts),
            ("/send/1/review", Module::Payments),
            ("/cards", Module::Payments),
            ("/contacts/add", Module::Payments),
            ("/exchange", Module::Payments),
            ("/request", Module::Payments),
            ("/requests/1", Module::Payments),
            ("/agreements", Module::Agreements),
            ("/agreements/1/limits", Module::Agreements),
            ("/agreements-of-others", Module::Accounts),
            ("/consent", Module::Agreements),
            ("/mock-idp/", Module::Agreements),
            ("/oauth/logout", Module::Agreements),
        ] {
            assert_eq!(module_of(path), module, "{path}");
        }
    }
}
