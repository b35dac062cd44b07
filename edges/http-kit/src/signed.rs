//! A request with an HTTP message signature (RFC 9421), read completely, with the URL that its sender called.
//!
//! The listener decides which key must have signed.

use axum::body::Bytes;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use clock::Timestamp;
use http::{HeaderMap, Method, StatusCode};
use http_signatures::{
    CheckedRequest, Freshness, HeaderError, Jwk, SignedRequest, TargetError, TargetOrigin, VerifyError,
};

use crate::body::{BodyError, read_body};

/// Method, URL, headers and body of a request.
#[derive(Clone, Debug)]
pub struct SignedMessage {
    method: Method,
    target_uri: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Why a request could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Its body is at fault.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// Its URL is at fault.
    #[error(transparent)]
    Target(#[from] TargetError),
}

impl IntoResponse for Unreadable {
    fn into_response(self) -> Response {
        match self {
            Self::Body(error) => error.into_response(),
            Self::Target(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
        }
    }
}

impl SignedMessage {
    /// Reads a request with up to `body_max` octets of body.
    pub async fn read(request: Request, origin: &TargetOrigin, body_max: usize) -> Result<Self, Unreadable> {
        let (head, body) = request.into_parts();
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
        let target_uri = origin.target_uri(target, &head.headers)?;
        let body = read_body(body, body_max).await?;
        Ok(Self { method: head.method, target_uri, headers: head.headers, body })
    }

    /// Whether there is a signature, valid or not.
    pub fn has_signature(&self) -> bool {
        self.headers.contains_key("signature") || self.headers.contains_key("signature-input")
    }

    /// Checks the parts of the signature that need no key: its coverage, and the digest of the body.
    pub fn check(&self) -> Result<CheckedRequest<'_>, HeaderError> {
        let request = SignedRequest {
            method: self.method.as_str(),
            target_uri: &self.target_uri,
            headers: &self.headers,
            body: &self.body,
        };
        request.check_headers()
    }

    /// Whether `key` signed it, recently enough.
    pub fn verify(&self, key: &Jwk, freshness: Freshness, now: Timestamp) -> Result<(), VerifyError> {
        self.check()?.verify(key, freshness, now).map(drop)
    }
}
