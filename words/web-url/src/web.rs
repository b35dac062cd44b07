//! A URL of the web that is used as a name: http or https, a host and a path, and nothing else.
//!
//! It is not a wallet address of this program: see `wallet_address.rs`. The letter case of the path is kept, because
//! another server may distinguish it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::invalid::{InvalidUrl, URL_LENGTH_MAX};
use crate::segment::{is_hidden, normalized};

/// A URL in normal form (RFC 3986 section 6.2): scheme and host in lower case, international names in their ASCII form,
/// numeric hosts in one notation, no default port, no dot segments, unreserved characters plain, no slash at the end.
///
/// Two URLs are equal if their normal forms are. User information, queries and fragments are refused, because the names
/// are compared and paths are appended to them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WebUrl(Box<str>);

impl WebUrl {
    /// The normal form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &str {
        self.0.split_once(':').map_or("", |(scheme, _)| scheme)
    }

    /// The host, and the port if it is not the scheme's default.
    pub fn authority(&self) -> &str {
        let rest = self.after_scheme();
        rest.split_once('/').map_or(rest, |(authority, _)| authority)
    }

    /// The path with its leading slash; empty for a bare host.
    pub fn path(&self) -> &str {
        let rest = self.after_scheme();
        rest.find('/').map_or("", |start| &rest[start..])
    }

    /// The segments of the path.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.path().split('/').skip(1)
    }

    /// Whether both are at the same server: the host and port are the same. All names of the local machine count as one
    /// host.
    ///
    /// The scheme is not compared: behind a proxy and in development, `https` URLs are served over plain `http`.
    pub fn is_at_server_of(&self, other: &Self) -> bool {
        self.authority() == other.authority()
            || (self.port() == other.port() && self.is_loopback() && other.is_loopback())
    }

    /// The rest of the path after `base`, in whole segments: empty, or beginning with a slash. `None` if this is not
    /// below `base`. Host, port and scheme must be the same.
    pub fn below(&self, base: &Self) -> Option<&str> {
        let rest = self.0.strip_prefix(base.as_str())?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }

    /// The same with `segments` appended.
    pub fn join(&self, segments: &str) -> Result<Self, InvalidUrl> {
        format!("{}/{}", self.0, segments).parse()
    }

    fn after_scheme(&self) -> &str {
        self.0.split_once("://").map_or("", |(_, rest)| rest)
    }

    fn port(&self) -> Option<&str> {
        let authority = self.authority();
        let (_, port) = authority.rsplit_once(':')?;
        port.bytes().all(|octet| octet.is_ascii_digit()).then_some(port)
    }

    fn is_loopback(&self) -> bool {
        match Url::parse(&self.0).ok().as_ref().and_then(Url::host) {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback() || address.is_unspecified(),
            Some(Host::Ipv6(address)) => {
                let mapped = address.to_ipv4_mapped();
                address.is_loopback() || address.is_unspecified() || mapped.is_some_and(|v4| v4.is_loopback())
            }
            None => false,
        }
    }
}

impl FromStr for WebUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        if text.len() > URL_LENGTH_MAX {
            return Err(InvalidUrl::TooLong);
        }
        // The parser would silently remove some of these and change others into slashes.
        if text.chars().any(|character| character.is_whitespace() || character == '\\' || is_hidden(character)) {
            return Err(InvalidUrl::Character);
        }
        Self::try_from(&Url::parse(text).map_err(|_| InvalidUrl::NotAbsolute)?)
    }
}

impl TryFrom<&Url> for WebUrl {
    type Error = InvalidUrl;

    fn try_from(url: &Url) -> Result<Self, InvalidUrl> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(InvalidUrl::Scheme);
        }
        let anonymous = url.username().is_empty() && url.password().is_none();
        if !anonymous || url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidUrl::Decorated);
        }

        // A dot at the end of a host names the same host (RFC 1034 section 3.1).
        let host = url.host_str().ok_or(InvalidUrl::NotAbsolute)?;
        let host = host.strip_suffix('.').unwrap_or(host);
        if host.split('.').any(str::is_empty) {
            return Err(InvalidUrl::NotAbsolute);
        }

        let mut normal = format!("{}://{host}", url.scheme());
        if let Some(port) = url.port() {
            normal.push(':');
            normal.push_str(&port.to_string());
        }
        let path: Vec<String> = url.path().split('/').map(normalized).collect();
        normal.push_str(path.join("/").trim_end_matches('/'));
        if normal.len() > URL_LENGTH_MAX { Err(InvalidUrl::TooLong) } else { Ok(Self(normal.into())) }
    }
}

impl TryFrom<String> for WebUrl {
    type Error = InvalidUrl;
    fn try_from(text: String) -> Result<Self, InvalidUrl> {
        text.parse()
    }
}

impl From<WebUrl> for String {
    fn from(url: WebUrl) -> Self {
        url.0.into()
    }
}

impl fmt::Display for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn url(text: &str) -> WebUrl {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn all_spellings_of_one_url_are_equal() {
        for (normal, spellings) in [
            (
                "https://wallet.example/alice",
                &[
                    "HTTPS://Wallet.EXAMPLE/alice",
                    "https://wallet.example:443/alice/",
                    "https://wallet.example./alice",
                    "https://wallet.example/./alice",
                    "https://wallet.example/x/../alice",
                    "https://wallet.example/x/%2e%2E/alice",
                    "https://wallet.example/%61lic%65//",
                ][..],
            ),
            ("http://127.0.0.1:3000", &["http://0x7f.1:3000/", "http://2130706433:3000", "http://127.1:3000"][..]),
            ("https://xn--r8jz45g.example/a", &["https://例え.example/a", "https://XN--R8JZ45G.example/a"][..]),
            ("http://[::1]/a%2Fb", &["http://[0:0::1]:80/a%2fb"][..]),
            ("https://w.example/%C4%8Cau", &["https://w.example/Čau", "https://w.example/%c4%8cau"][..]),
        ] {
            for spelling in spellings {
                assert_eq!(url(spelling).as_str(), normal, "{spelling}");
            }
        }
    }

    #[test]
    fn what_names_something_else_stays_different() {
        let alice = url("https://wallet.example/alice");
        for other in [
            "http://wallet.example/alice",
            "https://wallet.example:444/alice",
            "https://wallet.example/Alice",
            "https://wallet.example/alice%2F",
            "https://wallet.example//alice",
        ] {
            assert_ne!(url(other), alice, "{other}");
        }
    }

    #[test]
    fn what_names_nothing_is_refused_with_its_reason() {
        for (text, reason) in [
            ("", InvalidUrl::NotAbsolute),
            ("/alice", InvalidUrl::NotAbsolute),
            ("https://a..example/x", InvalidUrl::NotAbsolute),
            ("ftp://a.example/x", InvalidUrl::Scheme),
            ("urn:x:y", InvalidUrl::Scheme),
            ("https://u@a.example/x", InvalidUrl::Decorated),
            ("https://:p@a.example/x", InvalidUrl::Decorated),
            ("https://a.example/x?", InvalidUrl::Decorated),
            ("https://a.example/x#y", InvalidUrl::Decorated),
            ("https://a.example/a b", InvalidUrl::Character),
            ("https://a.exa\tmple/a", InvalidUrl::Character),
            ("https://a.example\\x", InvalidUrl::Character),
            ("https://a.example/\u{202e}x", InvalidUrl::Character),
            ("https://a.example/\0", InvalidUrl::Character),
        ] {
            assert_eq!(text.parse::<WebUrl>(), Err(reason), "{text:?}");
        }
        assert_eq!(format!("https://a.example/{}", "x".repeat(3000)).parse::<WebUrl>(), Err(InvalidUrl::TooLong));
        // Short as written, but not once it is encoded.
        assert_eq!(format!("https://a.example/{}", "č".repeat(900)).parse::<WebUrl>(), Err(InvalidUrl::TooLong));
    }

    #[test]
    fn a_prefix_ends_at_a_whole_segment() {
        let base = url("https://a.example/t1/");
        assert_eq!(url("https://A.example/t1/x/y").below(&base), Some("/x/y"));
        assert_eq!(url("https://a.example/t1").below(&base), Some(""));
        for elsewhere in [
            "https://a.example/t10/x",
            "https://a.example.evil/t1/x",
            "http://a.example/t1/x",
            "https://a.example/t1%2Fx",
        ] {
            assert_eq!(url(elsewhere).below(&base), None, "{elsewhere}");
        }
        assert_eq!(url("https://a.example.evil/x").below(&url("https://a.example")), None);
        assert_eq!(url("https://a.example/x").below(&url("https://a.example")), Some("/x"));
    }

    #[test]
    fn all_names_of_this_machine_are_one_server_on_one_port() {
        let own = url("http://localhost:3000");
        for same in ["https://127.0.0.1:3000/x", "http://[::1]:3000", "http://0:3000", "http://a.localhost:3000"] {
            assert!(url(same).is_at_server_of(&own), "{same}");
        }
        for other in ["http://127.0.0.1:3001", "http://localhost", "http://10.0.0.1:3000", "http://localhost.evil:3000"]
        {
            assert!(!url(other).is_at_server_of(&own), "{other}");
        }
        assert!(url("http://bank.example/x").is_at_server_of(&url("https://bank.example")));
        assert!(!url("http://127.0.0.1").is_at_server_of(&url("https://bank.example")));
    }

    #[test]
    fn it_is_written_and_read_as_text() {
        let read: WebUrl = serde_json::from_str(r#""HTTPS://A.example:443/""#).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), r#""https://a.example""#);
        assert!(serde_json::from_str::<WebUrl>(r#""a""#).is_err());
        assert_eq!((read.scheme(), read.authority(), read.path()), ("https", "a.example", ""));
        assert_eq!(read.join("x/%61").unwrap().segments().collect::<Vec<_>>(), ["x", "a"]);
    }

    proptest! {
        #[test]
        fn a_normal_form_is_its_own_normal_form(path in "(/[a-zA-Z0-9%./č~ -]{0,9}){0,5}", port in 1_u16..) {
            if let Ok(once) = format!("https://Host.example:{port}{path}").parse::<WebUrl>() {
                prop_assert_eq!(once.as_str().parse::<WebUrl>(), Ok(once.clone()));
            }
        }
    }
}
