//! The addresses to which a browser may be redirected at the end of an interaction.
//!
//! The address comes from the client and is followed by the owner's browser, so it is restricted.

use std::fmt;

use url::{Host, Url};

/// Which finish addresses are accepted besides https.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FinishUriPolicy {
    /// Plain http to any host, for development. Loopback hosts may always use it.
    pub allow_http: bool,
    /// Schemes of native applications, such as `com.example.app`.
    pub app_schemes: Vec<String>,
}

/// Why a finish address is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFinishUri {
    /// Not an absolute URI.
    #[error("interact.finish.uri must be an absolute URI")]
    NotAbsolute,
    /// Browsers should not be redirected to a URL of this scheme.
    #[error("interact.finish.uri must use https")]
    Scheme,
    /// User information or a fragment.
    #[error("interact.finish.uri must not have user information or a fragment")]
    Decorated,
}

/// A checked finish address.
#[derive(Clone, PartialEq, Eq)]
pub struct FinishUri(Url);

impl FinishUri {
    /// Checks an address that a client asks for.
    pub fn new(text: &str, policy: &FinishUriPolicy) -> Result<Self, InvalidFinishUri> {
        let url = Url::parse(text).map_err(|_| InvalidFinishUri::NotAbsolute)?;
        let acceptable = match url.scheme() {
            "https" => url.has_host(),
            "http" => policy.allow_http || is_loopback(&url),
            other => policy.app_schemes.iter().any(|scheme| scheme == other),
        };
        if !acceptable {
            return Err(InvalidFinishUri::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(InvalidFinishUri::Decorated);
        }
        Ok(Self(url))
    }

    /// An address that was checked before it was stored.
    pub fn from_kept(url: Url) -> Self {
        Self(url)
    }

    /// The address.
    pub fn as_url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Debug for FinishUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_sent_to_secure_pages_only() {
        let policy = FinishUriPolicy { allow_http: false, app_schemes: vec!["com.example.app".to_owned()] };
        for good in [
            "https://client.example/cb?x=1",
            "http://localhost:3030/back",
            "http://127.0.0.1/back",
            "http://[::1]:8080/",
            "com.example.app://callback?x=1",
        ] {
            assert!(FinishUri::new(good, &policy).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("/cb", InvalidFinishUri::NotAbsolute),
            ("javascript:alert(1)", InvalidFinishUri::Scheme),
            ("data:text/html,x", InvalidFinishUri::Scheme),
            ("http://client.example/cb", InvalidFinishUri::Scheme),
            ("http://localhost.evil.example/", InvalidFinishUri::Scheme),
            ("evil.app://x", InvalidFinishUri::Scheme),
            ("https://user@client.example/cb", InvalidFinishUri::Decorated),
            ("https://client.example/cb#x", InvalidFinishUri::Decorated),
        ] {
            assert_eq!(FinishUri::new(bad, &policy), Err(why), "{bad}");
        }
        assert!(FinishUri::new("http://client.example/cb", &FinishUriPolicy { allow_http: true, ..policy }).is_ok());
    }
}
