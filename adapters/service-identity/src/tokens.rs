//! Tokens for calls to other services: fetched once for all callers, renewed before they end, and renewed once more when a
//! service refuses one.
//!
//! The provider is not asked again at once after it failed. Errors of the configuration are told with `ALERT`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clock::{Clock, Entropy, Timestamp};
use outbound_http::{Outbound, OutboundError, Request, Response};
use serde::Deserialize;
use service_auth::{Scope, Service, Wanted};

use crate::identity::{ClientIdentity, Credential};
use crate::provider::{Provider, ProviderError};

/// The time that the provider has to answer.
const DEADLINE: Duration = Duration::from_secs(2);
/// The life of a token whose provider does not tell it.
const LIFE_IF_UNTOLD: u64 = 60;
/// The longest life that is believed.
const LIFE_MAX: u64 = 24 * 3600;
/// The longest token, in octets. Headers of HTTP servers are bounded, too.
const TOKEN_MAX: usize = 6 * 1024;
/// The pause after the first failure; each further one doubles it.
const PAUSE_FIRST: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// A token that is younger than this is not renewed because a service refuses it.
const RENEWED_RECENTLY: Duration = Duration::from_secs(1);

/// The names that a provider uses instead of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenSettings {
    /// The names of services. A URL is sent as `resource` (RFC 8707), another name as `audience`.
    pub audiences: HashMap<Service, String>,
    /// What is asked for, for a service.
    pub scopes: HashMap<Service, String>,
    /// The provider's names of single scopes, where they are not ours. They are asked for, and demanded of callers.
    pub renamed: HashMap<Scope, String>,
}

impl TokenSettings {
    /// The audience of a service's tokens.
    pub fn audience(&self, service: Service) -> &str {
        self.audiences.get(&service).map_or(service.as_str(), String::as_str)
    }

    /// The provider's name of a scope.
    pub fn scope(&self, scope: Scope) -> &str {
        self.renamed.get(&scope).map_or(scope.as_str(), String::as_str)
    }

    /// The scopes to ask for (RFC 6749 section 3.3).
    fn asked(&self, wanted: Wanted) -> String {
        let own = || wanted.scopes.iter().map(|scope| self.scope(*scope)).collect::<Vec<_>>().join(" ");
        self.scopes.get(&wanted.service).cloned().unwrap_or_else(own)
    }
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The provider does not answer now.
    #[error("there is no token, because the provider does not answer: {0}")]
    Unavailable(String),
    /// The provider refuses this client. Somebody must change a setting.
    #[error(
        "the provider gives no token ({code}): {told}; check OAUTH_CLIENT_ID, its secret, key or certificate, and its scopes there"
    )]
    Refused {
        /// `error` of RFC 6749 section 5.2.
        code: String,
        /// The description.
        told: String,
    },
    /// The answer of the provider cannot be used.
    #[error("the provider's answer cannot be used: {0}")]
    Unusable(String),
}

/// Why a call was not answered.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// There is no token for it.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The token is bound to the certificate of this role, which is shown over TLS only.
    #[error(
        "the tokens of this role are bound to its certificate, so they are not sent without TLS; change the URL of {0} to \
         https, or give the role OAUTH_CLIENT_SECRET or OAUTH_PRIVATE_KEY_FILE"
    )]
    NeedsTls(Service),
    /// The service did not answer.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
}

impl From<ProviderError> for TokenError {
    fn from(error: ProviderError) -> Self {
        match error {
            ProviderError::NoAnswer(_) => Self::Unavailable(error.to_string()),
            ProviderError::Unusable(_) | ProviderError::Missing(..) => Self::Unusable(error.to_string()),
        }
    }
}

/// Gets tokens as one client. Clones share them.
#[derive(Clone, Debug)]
pub struct ServiceTokens {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    provider: Provider,
    identity: ClientIdentity,
    settings: TokenSettings,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    slots: Mutex<HashMap<Wanted, Arc<Slot>>>,
}

/// The token for one service.
#[derive(Debug, Default)]
struct Slot {
    held: Mutex<Held>,
    /// Held by the caller that asks the provider.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Held {
    token: Option<Token>,
    failure: Option<Failure>,
}

#[derive(Clone)]
struct Token {
    value: Arc<str>,
    fetched_at: Timestamp,
    renew_at: Timestamp,
    expires_at: Timestamp,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug)]
struct Failure {
    error: TokenError,
    in_a_row: u32,
    until: Timestamp,
}

/// What a caller does.
enum Next {
    Use(Arc<str>),
    /// The token is used up to 80 %: it is renewed if nobody does, and used if somebody does.
    Renew(Arc<str>),
    Fetch,
    GiveUp(TokenError),
}

#[derive(Deserialize)]
struct Issued {
    access_token: String,
    token_type: String,
    expires_in: Option<u64>,
}

#[derive(Deserialize)]
struct Refused {
    error: String,
    #[serde(default)]
    error_description: String,
}

impl ServiceTokens {
    /// Tokens for the client `identity` of `provider`.
    pub fn new(
        provider: Provider,
        identity: ClientIdentity,
        settings: TokenSettings,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { inner: Arc::new(Inner { provider, identity, settings, clock, entropy, slots: Mutex::default() }) }
    }

    /// Whether tokens are bound to the certificate of this role (RFC 8705 section 3).
    pub(crate) fn are_bound(&self) -> bool {
        matches!(self.inner.identity.credential, Credential::Certificate)
    }

    /// A token for a service.
    pub async fn token(&self, wanted: Wanted) -> Result<Arc<str>, TokenError> {
        let slot = self.slot(wanted);
        let fetching = match self.next(&slot) {
            Next::Use(token) => return Ok(token),
            Next::GiveUp(error) => return Err(error),
            Next::Renew(old) => match slot.fetching.try_lock() {
                Ok(fetching) => fetching,
                Err(_) => return Ok(old),
            },
            Next::Fetch => slot.fetching.lock().await,
        };

        // Somebody may have fetched it meanwhile.
        let old = match self.next(&slot) {
            Next::Use(token) => return Ok(token),
            Next::GiveUp(error) => return Err(error),
            Next::Renew(old) => Some(old),
            Next::Fetch => None,
        };
        let fetched = self.fetch(wanted).await;
        let fetched = self.note(&slot, wanted, fetched);
        drop(fetching);
        match (fetched, old) {
            (Ok(token), _) => Ok(token),
            (Err(_), Some(old)) => Ok(old),
            (Err(error), None) => Err(error),
        }
    }

    /// Another token, because the service has refused `refused`.
    pub async fn renewed(&self, wanted: Wanted, refused: &str) -> Result<Arc<str>, TokenError> {
        let slot = self.slot(wanted);
        let now = self.inner.clock.wall();
        {
            let mut held = lock(&slot.held);
            let is_refused = |token: &Token| &*token.value == refused && token.fetched_at + RENEWED_RECENTLY <= now;
            if held.token.as_ref().is_some_and(is_refused) {
                held.token = None;
            }
        }
        self.token(wanted).await
    }

    /// Sends a request with a token. If the service refuses the token, it is renewed, and the request is sent once more.
    pub async fn send(&self, http: &Outbound, wanted: Wanted, request: Request) -> Result<Response, CallError> {
        let token = self.token(wanted).await?;
        let answer = http.send(request.clone().authorization(&format!("Bearer {token}"))).await?;
        if answer.status.as_u16() != 401 {
            return Ok(answer);
        }
        let fresh = self.renewed(wanted, &token).await?;
        if fresh == token {
            return Ok(answer);
        }
        Ok(http.send(request.authorization(&format!("Bearer {fresh}"))).await?)
    }

    fn slot(&self, wanted: Wanted) -> Arc<Slot> {
        // There are as many as there are constants of `Wanted`.
        Arc::clone(lock(&self.inner.slots).entry(wanted).or_default())
    }

    fn next(&self, slot: &Slot) -> Next {
        let now = self.inner.clock.wall();
        let held = lock(&slot.held);
        let pausing = held.failure.as_ref().filter(|failure| now < failure.until);
        match (held.token.as_ref().filter(|token| now < token.expires_at), pausing) {
            (Some(token), _) if now < token.renew_at => Next::Use(Arc::clone(&token.value)),
            (Some(token), Some(_)) => Next::Use(Arc::clone(&token.value)),
            (Some(token), None) => Next::Renew(Arc::clone(&token.value)),
            (None, Some(failure)) => Next::GiveUp(failure.error.clone()),
            (None, None) => Next::Fetch,
        }
    }

    fn note(&self, slot: &Slot, wanted: Wanted, fetched: Result<Token, TokenError>) -> Result<Arc<str>, TokenError> {
        let mut held = lock(&slot.held);
        match fetched {
            Ok(token) => {
                let value = Arc::clone(&token.value);
                *held = Held { token: Some(token), failure: None };
                Ok(value)
            }
            Err(error) => {
                let in_a_row = held.failure.as_ref().map_or(0, |failure| failure.in_a_row);
                let pause = match error {
                    TokenError::Unavailable(_) => PAUSE_FIRST.saturating_mul(1 << in_a_row.min(6)).min(PAUSE_MAX),
                    TokenError::Refused { .. } | TokenError::Unusable(_) => PAUSE_MAX,
                };
                if matches!(error, TokenError::Unavailable(_)) {
                    tracing::warn!(service = %wanted.service, %error, "a service token was not fetched; it is tried again");
                } else {
                    tracing::error!(service = %wanted.service, %error, "ALERT: no service token can be had");
                }
                let until = self.inner.clock.wall() + pause;
                held.failure = Some(Failure { error: error.clone(), in_a_row: in_a_row.saturating_add(1), until });
                Err(error)
            }
        }
    }

    async fn fetch(&self, wanted: Wanted) -> Result<Token, TokenError> {
        let Inner { provider, identity, settings, clock, entropy, .. } = &*self.inner;
        let url = provider.token_url().await?;
        let now = clock.wall();
        let proof = identity.proof(&provider.audience(&url), now, &**entropy);

        let audience = settings.audience(wanted.service);
        let target = if audience.contains("://") { "resource" } else { "audience" };
        let scope = settings.asked(wanted);
        let form = [("grant_type", "client_credentials"), ("scope", scope.as_str()), (target, audience)];

        let answer = provider.http().send(proof.post(url, &form).deadline(DEADLINE)).await;
        let answer = answer.map_err(|error| TokenError::Unavailable(error.to_string()))?;
        let unusable = |error: &dyn std::fmt::Display| TokenError::Unusable(error.to_string());
        match answer.status.as_u16() {
            200 => {}
            status @ (429 | 500..) => return Err(TokenError::Unavailable(format!("status {status}"))),
            status => {
                let refused: Refused = answer.json().unwrap_or_else(|_| Refused {
                    error: format!("status {status}"),
                    error_description: String::new(),
                });
                let code = refused.error.chars().take(64).collect();
                return Err(TokenError::Refused { code, told: refused.error_description.chars().take(200).collect() });
            }
        }
        let issued: Issued = answer.json().map_err(|error| unusable(&error))?;
        token(issued, now).map_err(|told| unusable(&told))
    }
}

/// A token with its times. Only tokens that can be sent as Bearer tokens are used (RFC 6750 section 2.1).
fn token(issued: Issued, now: Timestamp) -> Result<Token, &'static str> {
    if !issued.token_type.eq_ignore_ascii_case("bearer") {
        return Err("the token is no Bearer token");
    }
    let plain = issued.access_token.bytes().all(|octet| octet.is_ascii_graphic());
    if issued.access_token.is_empty() || issued.access_token.len() > TOKEN_MAX || !plain {
        return Err("the token is empty, too long, or has characters that a header cannot have");
    }
    let life = Duration::from_secs(issued.expires_in.unwrap_or(LIFE_IF_UNTOLD).min(LIFE_MAX));
    Ok(Token {
        value: issued.access_token.into(),
        fetched_at: now,
        renew_at: now + life * 4 / 5,
        expires_at: now + life,
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
