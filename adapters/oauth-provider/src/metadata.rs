//! The metadata of a provider: where it is, what of it is used, and how long.
//!
//! What its endpoints do is the caller's business.

use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, Timestamp};
use outbound_http::{Outbound, Request};
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use crate::PublishedError;

/// How long metadata is used before it is read again.
const LIFE: Duration = Duration::from_hours(1);
/// The time that the provider has to answer.
const DEADLINE: Duration = Duration::from_secs(2);
/// The most of a document that is read.
const DOCUMENT_MAX: usize = 256 * 1024;

/// The used members of the document. Which of them must be there depends on the use.
#[derive(Clone, Debug, Deserialize)]
pub struct Metadata {
    /// The provider, as it names itself.
    pub issuer: String,
    /// Where people sign in.
    pub authorization_endpoint: Option<Url>,
    /// Where tokens are issued.
    pub token_endpoint: Option<Url>,
    /// Where tokens are introspected.
    pub introspection_endpoint: Option<Url>,
    /// Where its public keys are.
    pub jwks_uri: Option<Url>,
    /// Where it tells more about a person.
    pub userinfo_endpoint: Option<Url>,
    /// How clients may prove themselves.
    pub token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// Other places of endpoints, for clients with certificates (RFC 8705 section 5).
    #[serde(default)]
    pub mtls_endpoint_aliases: Aliases,
}

/// Places of endpoints at which the provider sees certificates.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Aliases {
    /// Where tokens are issued.
    pub token_endpoint: Option<Url>,
    /// Where tokens are introspected.
    pub introspection_endpoint: Option<Url>,
}

/// The places at which metadata is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Places {
    /// That of OpenID Connect.
    OpenId,
    /// That of RFC 8414, and then that of OpenID Connect.
    OAuthOrOpenId,
}

/// The metadata of one provider. Clones share what was read.
#[derive(Clone, Debug)]
pub struct PublishedMetadata {
    issuer: Url,
    places: Places,
    http: Outbound,
    clock: Arc<dyn Clock>,
    read: Arc<Mutex<Option<Read>>>,
}

/// What was read, and when.
type Read = (Timestamp, Arc<Metadata>);

impl PublishedMetadata {
    /// Of the provider at `issuer`. Nothing is read yet.
    pub fn new(issuer: Url, places: Places, http: Outbound, clock: Arc<dyn Clock>) -> Self {
        Self { issuer, places, http, clock, read: Arc::default() }
    }

    /// The metadata. One caller reads it, and the others wait for it. While the provider does not answer, old metadata is
    /// used.
    pub async fn get(&self) -> Result<Arc<Metadata>, PublishedError> {
        let mut read = self.read.lock().await;
        let now = self.clock.wall();
        if let Some((at, metadata)) = &*read
            && now < *at + LIFE
        {
            return Ok(Arc::clone(metadata));
        }
        match (self.fetch().await, &*read) {
            (Ok(fresh), _) => {
                let fresh = Arc::new(fresh);
                *read = Some((now, Arc::clone(&fresh)));
                Ok(fresh)
            }
            (Err(error), Some((_, old))) => {
                tracing::warn!(%error, "old metadata of the provider is used");
                Ok(Arc::clone(old))
            }
            (Err(error), None) => Err(error),
        }
    }

    /// What was read before, if anything was.
    pub async fn known(&self) -> Option<Arc<Metadata>> {
        self.read.lock().await.as_ref().map(|(_, metadata)| Arc::clone(metadata))
    }

    async fn fetch(&self) -> Result<Metadata, PublishedError> {
        let mut refused = PublishedError::Unusable("it has no address".to_owned());
        for url in places(&self.issuer, self.places) {
            let request = Request::get(url).deadline(DEADLINE).limit(DOCUMENT_MAX).configured();
            let answer = self.http.send(request).await.map_err(|error| PublishedError::NoAnswer(error.to_string()))?;
            match answer.status.as_u16() {
                200 => {
                    let read: Metadata = answer.json().map_err(|error| PublishedError::Unusable(error.to_string()))?;
                    return read.checked(&self.issuer);
                }
                status @ (429 | 500..) => return Err(PublishedError::NoAnswer(format!("status {status}"))),
                status => refused = PublishedError::Unusable(format!("status {status}")),
            }
        }
        Err(refused)
    }
}

impl Metadata {
    /// The document, if it is that of this issuer. The endpoints of a provider with TLS have TLS.
    fn checked(self, issuer: &Url) -> Result<Self, PublishedError> {
        if trimmed(&self.issuer) != trimmed(issuer.as_str()) {
            let told = format!("it says that its issuer is {:?}, not {issuer}", self.issuer);
            return Err(PublishedError::Unusable(told));
        }
        let endpoints = [
            &self.authorization_endpoint,
            &self.token_endpoint,
            &self.introspection_endpoint,
            &self.jwks_uri,
            &self.userinfo_endpoint,
            &self.mtls_endpoint_aliases.token_endpoint,
            &self.mtls_endpoint_aliases.introspection_endpoint,
        ];
        let is_open = |url: &&Url| url.scheme() != "https" && url.scheme() != issuer.scheme();
        if let Some(url) = endpoints.into_iter().flatten().find(is_open) {
            return Err(PublishedError::Unusable(format!("{url} is not https")));
        }
        Ok(self)
    }
}

fn trimmed(issuer: &str) -> &str {
    issuer.trim_end_matches('/')
}

/// RFC 8414 section 3 puts its path between host and path of the issuer; OpenID Connect puts it behind both.
fn places(issuer: &Url, wanted: Places) -> Vec<Url> {
    let path = trimmed(issuer.path());
    let mut oauth = issuer.clone();
    oauth.set_path(&format!("/.well-known/oauth-authorization-server{path}"));
    let mut openid = issuer.clone();
    openid.set_path(&format!("{path}/.well-known/openid-configuration"));
    match wanted {
        Places::OpenId => vec![openid],
        Places::OAuthOrOpenId => vec![oauth, openid],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_places_of_metadata_are_those_of_the_two_standards() {
        let text = |issuer: &str| {
            let found = places(&issuer.parse().unwrap(), Places::OAuthOrOpenId);
            found.iter().map(Url::to_string).collect::<Vec<_>>()
        };
        assert_eq!(text("https://op.example")[0], "https://op.example/.well-known/oauth-authorization-server");
        assert_eq!(text("https://op.example/")[1], "https://op.example/.well-known/openid-configuration");
        assert_eq!(text("https://op.example/a/b")[0], "https://op.example/.well-known/oauth-authorization-server/a/b");
        assert_eq!(text("https://op.example/a/b/")[1], "https://op.example/a/b/.well-known/openid-configuration");
        let only = places(&"https://op.example".parse().unwrap(), Places::OpenId);
        assert_eq!(only.iter().map(Url::as_str).collect::<Vec<_>>(), [text("https://op.example")[1].as_str()]);
    }

    #[test]
    fn a_document_of_another_issuer_or_with_an_open_endpoint_is_refused() {
        let configured: Url = "https://id.example".parse().unwrap();
        let checked = |issuer: &str, more: &str| {
            let text = format!(r#"{{"issuer": "{issuer}", "jwks_uri": "https://id.example/keys"{more}}}"#);
            serde_json::from_str::<Metadata>(&text).unwrap().checked(&configured).is_ok()
        };
        assert!(checked("https://id.example", ""));
        assert!(checked("https://id.example/", r#", "token_endpoint": "https://other.example/token""#));
        for (issuer, more) in [
            ("https://evil.example", ""),
            ("https://id.example.evil.example", ""),
            ("https://id.example", r#", "token_endpoint": "http://id.example/token""#),
            ("https://id.example", r#", "introspection_endpoint": "http://id.example/introspect""#),
            ("https://id.example", r#", "mtls_endpoint_aliases": {"token_endpoint": "http://id.example/mtls"}"#),
        ] {
            assert!(!checked(issuer, more), "{issuer} {more}");
        }
    }
}
