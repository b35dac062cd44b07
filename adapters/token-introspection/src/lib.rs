//! Token introspection for resource servers: it finds out what a presented token allows.
//!
//! - [`IntrospectionClient`] asks a GNAP authorization server of Open Payments. `remember` keeps answers about reading for a
//!   short time; answers about what moves money are always fresh.
//! - [`Protect`] is a middleware that serves a request only if its token covers what the route needs, and if the client of
//!   the token has signed it: `Router::new().route(…).layer(Protect::new(client, required, binding, as_uri)?)`.
//!   `examples/resource_server.rs` is a whole server.
//! - [`OAuthIntrospection`] asks an OAuth 2.0 provider (RFC 7662); [`OAuthToken::meets`] judges issuer, audience, time and scope.
//! - [`Refusal`] is the answer of all of them to a request that is not served.
//!
//! A question whose connection broke, or whose answer has status 5xx, is asked twice more: another process of the server may
//! answer. While the authorization server does not answer, no request is served. Token values never reach a log.

mod binding;
mod memory;
mod oauth;
mod protect;
mod refusal;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clock::Clock;
use gnap::{IntrospectionRequest, RequiredAccess, TokenInfo, TokenValue};
use outbound_http::{Outbound, OutboundError, Request, Response};
use url::Url;

pub use crate::binding::Binding;
use crate::memory::Memory;
pub use crate::oauth::{ClientProof, OAuthDemand, OAuthIntrospection, OAuthToken};
pub use crate::protect::{Protect, Protected};
pub use crate::refusal::Refusal;

/// Asks one authorization server about tokens.
#[derive(Clone, Debug)]
pub struct IntrospectionClient {
    outbound: Outbound,
    url: Url,
    timeout: Duration,
    credential: Option<Arc<dyn CallerCredential>>,
    memory: Option<Memory>,
}

/// How the caller of an authorization server proves who it is.
#[async_trait]
pub trait CallerCredential: Send + Sync + std::fmt::Debug {
    /// Sends a request with the proof.
    async fn send(&self, http: &Outbound, request: Request) -> Result<Response, CredentialError>;
}

/// Why a request with a proof was not answered.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The server gave no answer.
    #[error(transparent)]
    NoAnswer(#[from] OutboundError),
    /// There is no proof now.
    #[error("{0}")]
    NoProof(String),
}

/// A secret that both sides know.
struct SharedSecret(String);

impl std::fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SharedSecret(***)")
    }
}

#[async_trait]
impl CallerCredential for SharedSecret {
    async fn send(&self, http: &Outbound, request: Request) -> Result<Response, CredentialError> {
        Ok(http.send(request.authorization(&format!("Bearer {}", self.0))).await?)
    }
}

/// Why a token could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum IntrospectionError {
    /// The authorization server gave no answer; the token may be fine.
    #[error("Error when making introspection request: {0}")]
    NoAnswer(#[from] OutboundError),
    /// There is no proof of who asks.
    #[error("Error when making introspection request: {0}")]
    NoProof(String),
    /// The authorization server cannot answer now: status 5xx or 429.
    #[error("Error when making introspection request: status {0}")]
    Unavailable(u16),
    /// The authorization server does not accept our secret.
    #[error(
        "the authorization server does not accept our secret; set AUTH_SERVICE_SECRET to the same value at both, or ADMIN_API_SECRET"
    )]
    NotTrusted,
    /// The authorization server refuses the request.
    #[error("Error when making introspection request: status {0}")]
    Refused(u16),
    /// The answer has the wrong form.
    #[error("Error when making introspection request: Failed to validate OpenApi response: {0}")]
    Unusable(String),
}

/// The pauses before a question is asked again. It changes nothing, so it may be. Who stands between needs a moment until
/// it knows that a process was killed, and may ask the same one once more.
const ASK_AGAIN_AFTER: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(250)];

impl IntrospectionError {
    /// Whether the same question may be answered at once, because several processes of the server answer questions.
    fn may_be_of_one_process(&self) -> bool {
        match self {
            Self::NoAnswer(error) => matches!(error, OutboundError::Connect { .. } | OutboundError::Broken { .. }),
            Self::Unavailable(status) => *status >= 500,
            Self::NoProof(_) | Self::NotTrusted | Self::Refused(_) | Self::Unusable(_) => false,
        }
    }
}

impl From<CredentialError> for IntrospectionError {
    fn from(error: CredentialError) -> Self {
        match error {
            CredentialError::NoAnswer(error) => Self::NoAnswer(error),
            CredentialError::NoProof(told) => Self::NoProof(told),
        }
    }
}

impl IntrospectionError {
    /// Whether the authorization server did not answer, as opposed to an answer that cannot be used.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::NoAnswer(_) | Self::NoProof(_) | Self::Unavailable(_) | Self::NotTrusted)
    }
}

impl IntrospectionClient {
    /// Makes a client for `url` with a time-out of 5 seconds. The address guard does not apply to `url`.
    pub fn new(outbound: Outbound, url: Url) -> Self {
        Self { outbound, url, timeout: Duration::from_secs(5), credential: None, memory: None }
    }

    /// Sets the time-out.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Authenticates this client with `Authorization: Bearer`.
    pub fn secret(self, secret: String) -> Self {
        self.credential(Arc::new(SharedSecret(secret)))
    }

    /// Authenticates this client in another way.
    pub fn credential(mut self, credential: Arc<dyn CallerCredential>) -> Self {
        self.credential = Some(credential);
        self
    }

    /// Remembers answers about reading and listing for `at_most`. A revoked token may be served for that long. Answers about
    /// creating and completing are never remembered.
    pub fn remember(mut self, at_most: Duration, clock: Arc<dyn Clock>) -> Self {
        self.memory = Some(Memory::new(at_most, clock));
        self
    }

    /// The part of `access` that the token grants. An inactive token is an answer, not an error.
    pub async fn introspect(&self, token: &str, access: Vec<RequiredAccess>) -> Result<TokenInfo, IntrospectionError> {
        let question = IntrospectionRequest { access_token: TokenValue::from(token), access: Some(access) };
        let memory = self.memory.as_ref().and_then(|memory| Some((memory, Memory::key(&question)?)));
        if let Some(answer) = memory.as_ref().and_then(|(memory, key)| memory.find(key)) {
            return Ok(answer);
        }
        let mut answer = self.ask(&question).await;
        for pause in ASK_AGAIN_AFTER {
            if !answer.as_ref().is_err_and(IntrospectionError::may_be_of_one_process) {
                break;
            }
            tokio::time::sleep(pause).await;
            answer = self.ask(&question).await;
        }
        let answer = answer?;
        if let Some((memory, key)) = memory {
            memory.remember(key, &answer);
        }
        Ok(answer)
    }

    async fn ask(&self, question: &IntrospectionRequest) -> Result<TokenInfo, IntrospectionError> {
        let unusable = |error: serde_json::Error| IntrospectionError::Unusable(error.to_string());
        let request = Request::post_json(self.url.clone(), question).map_err(unusable)?;
        let request = request.deadline(self.timeout).configured();
        let response = match &self.credential {
            Some(credential) => credential.send(&self.outbound, request).await?,
            None => self.outbound.send(request).await?,
        };
        match response.status.as_u16() {
            200..=299 => response.json().map_err(unusable),
            401 | 403 => Err(IntrospectionError::NotTrusted),
            status @ (429 | 500..) => Err(IntrospectionError::Unavailable(status)),
            status => Err(IntrospectionError::Refused(status)),
        }
    }
}
