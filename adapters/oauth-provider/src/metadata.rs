//! The metadata of a provider: where it is, what of it is used, and how long.
//!
//! What its endpoints do is the caller's business.

use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, Timestamp};
use outbound_http::{Outbound, Request};
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use crate::PublishedError;
use crate::kept::{Kept, Known, Next};

/// How long metadata is used before it is read again.
const LIFE: Duration = Duration::from_hours(1);
/// The time that the provider has to answer.
const DEADLINE: Duration = Duration::from_secs(2);
/// The most of a document that is read.
const DOCUMENT_MAX: usize = 256 * 1024;

/// The document. A member is looked at when it is used. So a wrong one does no harm where it is not needed.
#[derive(Clone, Debug, Deserialize)]
pub struct Metadata {
    /// The provider, as it names itself.
    pub issuer: String,
    #[serde(flatten)]
    members: Map<String, Value>,
}

/// A place that a provider names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Where people sign in.
    Authorization,
    /// Where tokens are issued.
    Token,
    /// Where tokens are introspected.
    Introspection,
    /// Where its public keys are.
    Keys,
    /// Where it tells more about a person.
    Person,
}

impl Endpoint {
    /// The member of the document.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authorization => "authorization_endpoint",
            Self::Token => "token_endpoint",
            Self::Introspection => "introspection_endpoint",
            Self::Keys => "jwks_uri",
            Self::Person => "userinfo_endpoint",
        }
    }
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
    kept: Arc<Kept<Metadata>>,
}

impl PublishedMetadata {
    /// Of the provider at `issuer`. Nothing is read yet.
    pub fn new(issuer: Url, places: Places, http: Outbound, clock: Arc<dyn Clock>) -> Self {
        Self { issuer, places, http, kept: Arc::new(Kept::new(clock)) }
    }

    /// The metadata. One caller reads it, and the others wait for it. While the provider does not answer, old metadata is
    /// used.
    pub async fn get(&self) -> Result<Arc<Metadata>, PublishedError> {
        self.kept.get(next, async { Ok(self.fetch().await) }).await
    }

    /// What was read before, if anything was.
    pub fn known(&self) -> Option<Arc<Metadata>> {
        self.kept.known().last()
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

/// Fresh metadata is used, and old metadata rather than none.
fn next(known: &Known<Metadata>, now: Timestamp) -> Next<Metadata> {
    match (known.within(LIFE, now), known.last(), known.failure(now)) {
        (Some(usable), ..) | (None, Some(usable), Some(_)) => Next::Use(Ok(usable)),
        (None, Some(old), None) => Next::Renew(old),
        (None, None, Some(failure)) => Next::Use(Err(failure)),
        (None, None, None) => Next::Read,
    }
}

impl Metadata {
    /// A place, if the provider names it. The endpoints of a provider with TLS have TLS.
    pub fn endpoint(&self, endpoint: Endpoint) -> Result<Option<Url>, PublishedError> {
        self.url(self.members.get(endpoint.as_str()), endpoint)
    }

    /// The same for clients with certificates, for which a provider may have other places (RFC 8705 section 5).
    pub fn endpoint_with_certificate(&self, endpoint: Endpoint) -> Result<Option<Url>, PublishedError> {
        let aliases = self.members.get("mtls_endpoint_aliases");
        match self.url(aliases.and_then(|aliases| aliases.get(endpoint.as_str())), endpoint)? {
            Some(other) => Ok(Some(other)),
            None => self.endpoint(endpoint),
        }
    }

    /// Whether clients may prove themselves with this method when they get tokens; `None` if the provider does not say.
    pub fn allows_method(&self, method: &str) -> Option<bool> {
        let methods = self.members.get("token_endpoint_auth_methods_supported")?.as_array()?;
        Some(methods.iter().any(|own| own == method))
    }

    fn url(&self, member: Option<&Value>, endpoint: Endpoint) -> Result<Option<Url>, PublishedError> {
        let name = endpoint.as_str();
        let Some(member) = member.filter(|member| !member.is_null()) else { return Ok(None) };
        let read = member.as_str().and_then(|text| Url::parse(text).ok());
        let url = read.ok_or_else(|| PublishedError::Unusable(format!("its {name} is no URL")))?;
        let own_scheme = self.issuer.split_once(':').map(|(scheme, _)| scheme);
        if url.scheme() != "https" && Some(url.scheme()) != own_scheme {
            return Err(PublishedError::Unusable(format!("its {name} is {url}, which is not https")));
        }
        Ok(Some(url))
    }

    /// The document, if it is that of this issuer.
    fn checked(self, issuer: &Url) -> Result<Self, PublishedError> {
        if trimmed(&self.issuer) != trimmed(issuer.as_str()) {
            let told = format!("it says that its issuer is {:?}, not {issuer}", self.issuer);
            return Err(PublishedError::Unusable(told));
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

    fn document(text: &str) -> Metadata {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_document_of_another_issuer_is_refused() {
        let configured: Url = "https://id.example".parse().unwrap();
        for (issuer, good) in [
            ("https://id.example", true),
            ("https://id.example/", true),
            ("https://evil.example", false),
            ("https://id.example.evil.example", false),
            ("http://id.example", false),
        ] {
            let read = document(&format!(r#"{{"issuer": "{issuer}"}}"#));
            assert_eq!(read.checked(&configured).is_ok(), good, "{issuer}");
        }
    }

    #[test]
    fn an_endpoint_without_tls_is_refused_where_it_is_used_and_troubles_nobody_else() {
        let read = document(
            r#"{"issuer": "https://id.example", "jwks_uri": "https://other.example/keys",
                "token_endpoint": "http://id.example/token", "introspection_endpoint": null, "userinfo_endpoint": 7,
                "token_endpoint_auth_methods_supported": null,
                "mtls_endpoint_aliases": {"token_endpoint": "https://id.example/mtls", "introspection_endpoint": null}}"#,
        );
        let read = read.checked(&"https://id.example".parse().unwrap()).unwrap();
        let text = |url: Result<Option<Url>, PublishedError>| url.map(|url| url.map(|url| url.to_string()));
        assert_eq!(text(read.endpoint(Endpoint::Keys)), Ok(Some("https://other.example/keys".to_owned())));
        assert_eq!(read.endpoint(Endpoint::Introspection), Ok(None));
        assert_eq!(read.endpoint_with_certificate(Endpoint::Introspection), Ok(None));
        let alias = text(read.endpoint_with_certificate(Endpoint::Token));
        assert_eq!(alias, Ok(Some("https://id.example/mtls".to_owned())));
        for unusable in [Endpoint::Token, Endpoint::Person] {
            assert!(matches!(read.endpoint(unusable), Err(PublishedError::Unusable(_))), "{unusable:?}");
        }
        assert_eq!(read.allows_method("client_secret_basic"), None);
    }

    #[test]
    fn a_provider_without_other_places_for_certificates_has_the_usual_ones() {
        for aliases in ["null", "{}", "[]"] {
            let read = document(&format!(
                r#"{{"issuer": "http://id.internal", "token_endpoint": "http://id.internal/token",
                     "token_endpoint_auth_methods_supported": ["private_key_jwt"], "mtls_endpoint_aliases": {aliases}}}"#
            ));
            let place = read.endpoint_with_certificate(Endpoint::Token).unwrap().unwrap();
            assert_eq!(place.path(), "/token", "{aliases}");
            assert_eq!(read.allows_method("client_secret_basic"), Some(false));
        }
        let open = document(
            r#"{"issuer": "https://id.example", "token_endpoint": "https://id.example/token",
                "mtls_endpoint_aliases": {"token_endpoint": "http://id.example/mtls"}}"#,
        );
        assert!(open.endpoint(Endpoint::Token).is_ok(), "the alias is for others");
        assert!(open.endpoint_with_certificate(Endpoint::Token).is_err());
    }
}
