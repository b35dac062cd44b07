//! Client of the authorization server's introspection endpoint.
//!
//! One call, no retries, no cache: a revoked token is refused at once. Token values never reach a log.

use std::time::Duration;

use gnap::{IntrospectionRequest, RequiredAccess, TokenInfo, TokenValue};
use outbound_http::{Outbound, OutboundError, Request};
use url::Url;

/// Asks one authorization server about tokens.
#[derive(Clone, Debug)]
pub struct IntrospectionClient {
    outbound: Outbound,
    url: Url,
    timeout: Duration,
    secret: Option<String>,
}

/// Why nothing is known about a token.
#[derive(Debug, thiserror::Error)]
pub enum IntrospectionError {
    /// The authorization server gave no answer; the token may be fine.
    #[error("Error when making introspection request: {0}")]
    NoAnswer(#[from] OutboundError),
    /// The authorization server is unable: 5xx or 429.
    #[error("Error when making introspection request: status {0}")]
    Unavailable(u16),
    /// The authorization server does not take questions from us.
    #[error(
        "the authorization server does not accept our secret; set AUTH_SERVICE_SECRET to the same value at both, or ADMIN_API_SECRET"
    )]
    NotTrusted,
    /// The authorization server does not take the question.
    #[error("Error when making introspection request: status {0}")]
    Refused(u16),
    /// The answer breaks the contract.
    #[error("Error when making introspection request: Failed to validate OpenApi response: {0}")]
    Unusable(String),
}

impl IntrospectionError {
    /// Whether the authorization server could not be asked, as opposed to having said something unusable.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::NoAnswer(_) | Self::Unavailable(_) | Self::NotTrusted)
    }
}

impl IntrospectionClient {
    /// Asks at `url`, which is called as it is, waiting 5 seconds at most.
    pub fn new(outbound: Outbound, url: Url) -> Self {
        Self { outbound, url, timeout: Duration::from_secs(5), secret: None }
    }

    /// Waits this long at most.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Proves the right to ask with `Authorization: Bearer`.
    pub fn secret(mut self, secret: String) -> Self {
        self.secret = Some(secret);
        self
    }

    /// What the token grants of `access`. An inactive token is an answer, not an error.
    pub async fn introspect(&self, token: &str, access: Vec<RequiredAccess>) -> Result<TokenInfo, IntrospectionError> {
        let question = IntrospectionRequest { access_token: TokenValue::from(token), access: Some(access) };
        let unusable = |error: serde_json::Error| IntrospectionError::Unusable(error.to_string());
        let mut request = Request::post_json(self.url.clone(), &question).map_err(unusable)?;
        if let Some(secret) = &self.secret {
            request = request.authorization(&format!("Bearer {secret}"));
        }
        let response = self.outbound.send(request.deadline(self.timeout).configured()).await?;
        match response.status.as_u16() {
            200..=299 => response.json().map_err(unusable),
            401 | 403 => Err(IntrospectionError::NotTrusted),
            status @ (429 | 500..) => Err(IntrospectionError::Unavailable(status)),
            status => Err(IntrospectionError::Refused(status)),
        }
    }
}
