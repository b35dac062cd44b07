//! Why a resource server does not serve a request, and the HTTP answer for each reason.
//! Every server built on this crate gives the same answers.

use std::time::Duration;

use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};

/// How long a caller is asked to wait for an authorization server that is away.
const WAIT: Duration = Duration::from_secs(1);

/// Why a request is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Several tokens, or one in the query, where logs keep it.
    #[error("send one token, in one Authorization header")]
    Malformed,
    /// No token, or a token of another scheme.
    #[error("Missing or invalid authorization header value")]
    Missing,
    /// The token is unknown, expired, or issued for another service.
    #[error("Invalid Token")]
    InvalidToken,
    /// The token does not grant this access.
    #[error("Insufficient Grant")]
    InsufficientScope,
    /// The authorization server does not answer. No request is served until it does.
    #[error("Authorization server is unavailable")]
    Unavailable,
}

impl Refusal {
    /// The status of the answer.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Missing | Self::InvalidToken => StatusCode::UNAUTHORIZED,
            Self::InsufficientScope => StatusCode::FORBIDDEN,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The answer, with the challenge that says where tokens come from (RFC 9110 section 11.6.1).
    pub fn answer<B: From<String>>(self, challenge: &HeaderValue) -> Response<B> {
        let mut response = Response::new(B::from(self.to_string()));
        *response.status_mut() = self.status();
        match self {
            Self::Unavailable => drop(response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(WAIT.as_secs()))),
            Self::Malformed => {}
            Self::Missing | Self::InvalidToken | Self::InsufficientScope => {
                drop(response.headers_mut().insert(WWW_AUTHENTICATE, challenge.clone()));
            }
        }
        response
    }
}
