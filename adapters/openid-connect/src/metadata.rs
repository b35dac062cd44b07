//! What a provider says about itself
//! (<https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata>).
//!
//! It is read here and kept in `flow`.

use outbound_http::{Outbound, Request};
use serde::Deserialize;
use url::Url;

use crate::SignInError;

/// The most of a document that is read.
pub(crate) const DOCUMENT_MAX: usize = 256 * 1024;

/// The used members of the document.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) issuer: String,
    pub(crate) authorization_endpoint: Url,
    pub(crate) token_endpoint: Url,
    pub(crate) jwks_uri: Url,
    #[serde(default)]
    pub(crate) userinfo_endpoint: Option<Url>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// How the client shows its secret (RFC 6749, section 2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientAuthentication {
    Basic,
    Post,
}

impl Metadata {
    /// The document of the provider at `issuer`.
    pub(crate) async fn fetch(http: &Outbound, issuer: &Url) -> Result<Self, SignInError> {
        let text = format!("{}/.well-known/openid-configuration", issuer.as_str().trim_end_matches('/'));
        let url = Url::parse(&text).map_err(|error| SignInError::Unusable(error.to_string()))?;
        let answer = http.send(Request::get(url).configured().limit(DOCUMENT_MAX)).await?;
        if !answer.status.is_success() {
            return Err(SignInError::Unusable(format!("its configuration has status {}", answer.status)));
        }
        let read: Self = answer.json().map_err(|error| SignInError::Unusable(format!("its configuration: {error}")))?;
        read.checked(issuer)
    }

    /// The document, if it is that of this issuer. The endpoints of a provider with TLS have TLS.
    fn checked(self, issuer: &Url) -> Result<Self, SignInError> {
        if self.issuer.trim_end_matches('/') != issuer.as_str().trim_end_matches('/') {
            return Err(SignInError::Unusable(format!("it names itself {}, not {issuer}", self.issuer)));
        }
        let endpoints = [&self.authorization_endpoint, &self.token_endpoint, &self.jwks_uri];
        let unsafe_one = endpoints
            .into_iter()
            .chain(&self.userinfo_endpoint)
            .find(|url| url.scheme() != "https" && url.scheme() != issuer.scheme());
        match unsafe_one {
            Some(url) => Err(SignInError::Unusable(format!("{url} is not https"))),
            None => Ok(self),
        }
    }

    pub(crate) fn client_authentication(&self) -> ClientAuthentication {
        match &self.token_endpoint_auth_methods_supported {
            Some(methods) if !methods.iter().any(|method| method == "client_secret_basic") => {
                ClientAuthentication::Post
            }
            _ => ClientAuthentication::Basic,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(issuer: &str, token_endpoint: &str) -> Metadata {
        let text = format!(
            r#"{{"issuer": "{issuer}", "authorization_endpoint": "https://id.example/auth", "token_endpoint":
                "{token_endpoint}", "jwks_uri": "https://id.example/keys"}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_document_of_another_issuer_or_with_an_open_endpoint_is_refused() {
        let configured: Url = "https://id.example".parse().unwrap();
        assert!(metadata("https://id.example", "https://id.example/token").checked(&configured).is_ok());
        assert!(metadata("https://id.example/", "https://other.example/token").checked(&configured).is_ok());
        for (issuer, token) in [
            ("https://evil.example", "https://id.example/token"),
            ("https://id.example.evil.example", "https://id.example/token"),
            ("https://id.example", "http://id.example/token"),
        ] {
            assert!(metadata(issuer, token).checked(&configured).is_err(), "{issuer} {token}");
        }
    }
}
