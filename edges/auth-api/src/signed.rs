//! A request with a signature to verify: its parts as they were received.
//! The check itself is in `services/auth`.

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use gnap::TokenValue;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method};
use http_kit::ShownCertificate;
use http_signatures::{SignedRequest, TargetOrigin};

use crate::body::check_accept;
use crate::errors::ApiError;
use crate::outside::check_body;
use crate::routing::RawTarget;
use crate::{Api, BODY_MAX};

/// Method, absolute URL, headers and body of a request.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    method: Method,
    target_uri: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The certificate of a service that calls.
    pub(crate) certificate: ShownCertificate,
}

impl Message {
    /// For the verifier.
    pub(crate) fn signed(&self) -> SignedRequest<'_> {
        SignedRequest {
            method: self.method.as_str(),
            target_uri: &self.target_uri,
            headers: &self.headers,
            body: &self.body,
        }
    }

    /// The token presented: the header's text, without the scheme if it is `GNAP`.
    ///
    /// A token with another scheme keeps its scheme, so it equals no token.
    pub(crate) fn token(&self) -> Option<TokenValue> {
        let text = self.headers.get(AUTHORIZATION)?.to_str().unwrap_or_default();
        Some(text.strip_prefix("GNAP ").unwrap_or(text).into())
    }
}

/// A message whose body is checked later by the GraphQL endpoint, which has its own error messages.
#[derive(Clone, Debug)]
pub(crate) struct UncheckedMessage(pub(crate) Message);

impl FromRequest<Api> for Message {
    type Rejection = ApiError;

    /// No handler gets a body whose texts, lists or nesting exceed the limits.
    async fn from_request(request: Request, api: &Api) -> Result<Self, ApiError> {
        let UncheckedMessage(message) = UncheckedMessage::from_request(request, api).await?;
        check_body(&message.body)?;
        Ok(message)
    }
}

impl FromRequest<Api> for UncheckedMessage {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Api) -> Result<Self, ApiError> {
        check_accept(request.headers())?;
        let (method, headers) = (request.method().clone(), request.headers().clone());
        let target_uri = target_uri(&api.origin, &request)?;
        let certificate = ShownCertificate::of(request.extensions());
        let body = http_kit::read_body(request.into_body(), BODY_MAX).await?;
        Ok(Self(Message { method, target_uri, headers, body, certificate }))
    }
}

fn target_uri(origin: &TargetOrigin, request: &Request) -> Result<String, ApiError> {
    let raw = request.extensions().get::<RawTarget>().map_or("/", |target| &target.0);
    origin.target_uri(raw, request.headers()).map_err(ApiError::bad_request)
}
