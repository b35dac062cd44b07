//! Where a provider is: its endpoints, from its metadata (RFC 8414, OpenID Connect Discovery 1.0) or from settings.
//! It gets no tokens and checks none.

use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, Timestamp};
use outbound_http::{Outbound, Request};
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

/// How long metadata is used before it is read again.
const LIFE: Duration = Duration::from_hours(1);
/// The time that the provider has to answer.
const DEADLINE: Duration = Duration::from_secs(2);

/// What the operator says about the provider. An endpoint that is given is not looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderSettings {
    /// `OAUTH_ISSUER`.
    pub issuer: Option<Url>,
    /// `OAUTH_ISSUER` as it is written. A URL may gain a slash at its end when it is read.
    pub issuer_name: Option<String>,
    /// `OAUTH_TOKEN_URL`.
    pub token: Option<Url>,
    /// `OAUTH_INTROSPECTION_URL`.
    pub introspection: Option<Url>,
    /// `OAUTH_JWKS_URL`.
    pub keys: Option<Url>,
}

/// One provider. Clones share what was read.
#[derive(Clone, Debug)]
pub struct Provider {
    settings: Arc<ProviderSettings>,
    http: Outbound,
    clock: Arc<dyn Clock>,
    read: Arc<Mutex<Option<(Timestamp, Metadata)>>>,
}

/// Why an endpoint is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// The provider did not answer.
    #[error("the provider does not answer at OAUTH_ISSUER: {0}")]
    NoAnswer(String),
    /// The metadata cannot be used.
    #[error("the metadata of OAUTH_ISSUER cannot be used: {0}")]
    Unusable(String),
    /// The provider has no such endpoint.
    #[error("the provider names no {0}; set {1}")]
    Missing(&'static str, &'static str),
}

#[derive(Clone, Debug, Deserialize)]
struct Metadata {
    issuer: String,
    token_endpoint: Option<Url>,
    introspection_endpoint: Option<Url>,
    jwks_uri: Option<Url>,
}

impl Provider {
    /// A provider that is not read yet.
    pub fn new(settings: ProviderSettings, http: Outbound, clock: Arc<dyn Clock>) -> Self {
        Self { settings: Arc::new(settings), http, clock, read: Arc::default() }
    }

    /// The issuer of its tokens, as it is spelled in them, without a slash at the end.
    pub fn issuer(&self) -> Option<&str> {
        self.settings.issuer.as_ref().map(|issuer| trimmed(issuer.as_str()))
    }

    /// The name that a client's assertion is for (RFC 7523 section 3): the issuer as its metadata spells it, or as
    /// `OAUTH_ISSUER` does. Without an issuer it is the endpoint.
    pub(crate) async fn audience(&self, endpoint: &Url) -> String {
        let read = self.read.lock().await.as_ref().map(|(_, metadata)| metadata.issuer.clone());
        read.or_else(|| self.settings.issuer_name.clone())
            .or_else(|| self.issuer().map(str::to_owned))
            .unwrap_or_else(|| endpoint.to_string())
    }

    /// The client that asks it.
    pub(crate) fn http(&self) -> &Outbound {
        &self.http
    }

    /// Where tokens are issued.
    pub async fn token_url(&self) -> Result<Url, ProviderError> {
        let missing = ProviderError::Missing("token endpoint", "OAUTH_TOKEN_URL");
        self.endpoint(self.settings.token.as_ref(), |read| read.token_endpoint.as_ref(), missing).await
    }

    /// Where tokens are introspected.
    pub async fn introspection_url(&self) -> Result<Url, ProviderError> {
        let missing = ProviderError::Missing("introspection endpoint", "OAUTH_INTROSPECTION_URL");
        self.endpoint(self.settings.introspection.as_ref(), |read| read.introspection_endpoint.as_ref(), missing).await
    }

    /// Where its public keys are.
    pub async fn keys_url(&self) -> Result<Url, ProviderError> {
        let missing = ProviderError::Missing("public keys", "OAUTH_JWKS_URL");
        self.endpoint(self.settings.keys.as_ref(), |read| read.jwks_uri.as_ref(), missing).await
    }

    async fn endpoint(
        &self,
        given: Option<&Url>,
        named: impl Fn(&Metadata) -> Option<&Url>,
        missing: ProviderError,
    ) -> Result<Url, ProviderError> {
        match (given, &self.settings.issuer) {
            (Some(url), _) => Ok(url.clone()),
            (None, None) => Err(missing),
            (None, Some(issuer)) => {
                let metadata = self.metadata(issuer).await?;
                named(&metadata).cloned().ok_or(missing)
            }
        }
    }

    /// The metadata. One caller reads it, and the others wait for it. While the provider does not answer, old metadata is
    /// used.
    async fn metadata(&self, issuer: &Url) -> Result<Metadata, ProviderError> {
        let mut read = self.read.lock().await;
        let now = self.clock.wall();
        if let Some((at, metadata)) = &*read
            && now < *at + LIFE
        {
            return Ok(metadata.clone());
        }
        match (self.fetch(issuer).await, &*read) {
            (Ok(fresh), _) => {
                *read = Some((now, fresh.clone()));
                Ok(fresh)
            }
            (Err(error), Some((_, old))) => {
                tracing::warn!(%error, "old metadata of the provider is used");
                Ok(old.clone())
            }
            (Err(error), None) => Err(error),
        }
    }

    /// Asks at the place of RFC 8414, then at that of OpenID Connect.
    async fn fetch(&self, issuer: &Url) -> Result<Metadata, ProviderError> {
        let mut refused = ProviderError::Unusable("it has no address".to_owned());
        for url in places(issuer) {
            let request = Request::get(url).deadline(DEADLINE).configured();
            let answer = self.http.send(request).await.map_err(|error| ProviderError::NoAnswer(error.to_string()))?;
            match answer.status.as_u16() {
                200 => {
                    let metadata: Metadata =
                        answer.json().map_err(|error| ProviderError::Unusable(error.to_string()))?;
                    if trimmed(&metadata.issuer) != trimmed(issuer.as_str()) {
                        let told = format!("it says that its issuer is {:?}", metadata.issuer);
                        return Err(ProviderError::Unusable(told));
                    }
                    return Ok(metadata);
                }
                status @ (429 | 500..) => return Err(ProviderError::NoAnswer(format!("status {status}"))),
                status => refused = ProviderError::Unusable(format!("status {status}")),
            }
        }
        Err(refused)
    }
}

fn trimmed(issuer: &str) -> &str {
    issuer.trim_end_matches('/')
}

/// RFC 8414 section 3 puts its path between host and path of the issuer; OpenID Connect puts it behind both.
fn places(issuer: &Url) -> Vec<Url> {
    let path = trimmed(issuer.path());
    let mut oauth = issuer.clone();
    oauth.set_path(&format!("/.well-known/oauth-authorization-server{path}"));
    let mut openid = issuer.clone();
    openid.set_path(&format!("{path}/.well-known/openid-configuration"));
    vec![oauth, openid]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_places_of_metadata_are_those_of_the_two_standards() {
        let text = |issuer: &str| places(&issuer.parse().unwrap()).iter().map(Url::to_string).collect::<Vec<_>>();
        assert_eq!(text("https://op.example")[0], "https://op.example/.well-known/oauth-authorization-server");
        assert_eq!(text("https://op.example/")[1], "https://op.example/.well-known/openid-configuration");
        assert_eq!(text("https://op.example/a/b")[0], "https://op.example/.well-known/oauth-authorization-server/a/b");
        assert_eq!(text("https://op.example/a/b/")[1], "https://op.example/a/b/.well-known/openid-configuration");
    }
}
