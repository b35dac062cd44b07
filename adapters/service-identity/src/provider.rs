//! Where a provider is: its endpoints, from its metadata (RFC 8414, OpenID Connect Discovery 1.0) or from settings.
//! It gets no tokens and checks none.

use std::sync::Arc;

use clock::Clock;
use oauth_provider::{Endpoint, Places, PublishedError, PublishedMetadata};
use outbound_http::Outbound;
use url::Url;

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
    published: Option<PublishedMetadata>,
    shown: Shown,
}

/// How this client shows the provider who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    InTheRequest,
    ByCertificate,
}

/// Why an endpoint is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// The provider did not answer.
    #[error("the provider does not answer at OAUTH_ISSUER: {0}")]
    NoAnswer(String),
    /// What it publishes cannot be used.
    #[error("what OAUTH_ISSUER publishes cannot be used: {0}")]
    Unusable(String),
    /// The provider has no such endpoint.
    #[error("the provider names no {0}; set {1}")]
    Missing(&'static str, &'static str),
}

impl From<PublishedError> for ProviderError {
    fn from(error: PublishedError) -> Self {
        match error {
            PublishedError::NoAnswer(told) => Self::NoAnswer(told),
            PublishedError::Unusable(told) => Self::Unusable(told),
        }
    }
}

impl Provider {
    /// A provider that is not read yet.
    pub fn new(settings: ProviderSettings, http: Outbound, clock: Arc<dyn Clock>) -> Self {
        let published = settings.issuer.clone();
        let published =
            published.map(|issuer| PublishedMetadata::new(issuer, Places::OAuthOrOpenId, http.clone(), clock));
        Self { settings: Arc::new(settings), http, published, shown: Shown::InTheRequest }
    }

    /// The same for a client that shows a certificate.
    pub fn for_certificates(self) -> Self {
        Self { shown: Shown::ByCertificate, ..self }
    }

    /// The issuer of its tokens, as it is spelled in them, without a slash at the end.
    pub fn issuer(&self) -> Option<&str> {
        self.settings.issuer.as_ref().map(|issuer| issuer.as_str().trim_end_matches('/'))
    }

    /// The name that a client's assertion is for (RFC 7523 section 3): the issuer as its metadata spells it, or as
    /// `OAUTH_ISSUER` does. Without an issuer it is the endpoint.
    pub(crate) fn audience(&self, endpoint: &Url) -> String {
        let read = self.published.as_ref().and_then(PublishedMetadata::known).map(|metadata| metadata.issuer.clone());
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
        self.place(self.settings.token.as_ref(), Endpoint::Token, missing).await
    }

    /// Where tokens are introspected.
    pub async fn introspection_url(&self) -> Result<Url, ProviderError> {
        let missing = ProviderError::Missing("introspection endpoint", "OAUTH_INTROSPECTION_URL");
        self.place(self.settings.introspection.as_ref(), Endpoint::Introspection, missing).await
    }

    /// Where its public keys are.
    pub async fn keys_url(&self) -> Result<Url, ProviderError> {
        let missing = ProviderError::Missing("public keys", "OAUTH_JWKS_URL");
        self.place(self.settings.keys.as_ref(), Endpoint::Keys, missing).await
    }

    async fn place(
        &self,
        given: Option<&Url>,
        endpoint: Endpoint,
        missing: ProviderError,
    ) -> Result<Url, ProviderError> {
        match (given, &self.published) {
            (Some(url), _) => Ok(url.clone()),
            (None, None) => Err(missing),
            (None, Some(published)) => {
                let metadata = published.get().await?;
                let named = match self.shown {
                    Shown::ByCertificate => metadata.endpoint_with_certificate(endpoint)?,
                    Shown::InTheRequest => metadata.endpoint(endpoint)?,
                };
                named.ok_or(missing)
            }
        }
    }
}
