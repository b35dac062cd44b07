//! URLs (RFC 3986) as they are written in grants: checked once, compared in one normal form.
//!
//! Nothing here is fetched; who may be asked over the network is decided by the outgoing HTTP client.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Url;

/// The longest URL accepted in a grant request, in octets.
pub const URL_LENGTH_MAX: usize = 2048;

/// Why a text is not a usable URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUri {
    /// Not an absolute URI.
    #[error("must be an absolute URI")]
    NotAbsolute,
    /// Longer than [`URL_LENGTH_MAX`].
    #[error("must not be longer than {URL_LENGTH_MAX} characters")]
    TooLong,
    /// A wallet address with another scheme than http or https.
    #[error("must be an http or https URL")]
    Scheme,
    /// A wallet address with user information, a query or a fragment.
    #[error("must not have user information, a query or a fragment")]
    Decorated,
}

fn absolute(text: &str) -> Result<Url, InvalidUri> {
    if text.len() > URL_LENGTH_MAX {
        return Err(InvalidUri::TooLong);
    }
    Url::parse(text).map_err(|_| InvalidUri::NotAbsolute)
}

/// The URL of a resource owner or client, usually a wallet address.
///
/// Normal form: scheme and host in lower case, no default port, no trailing slash. Equality is
/// equality of that form, so `HTTPS://Wallet.example/alice/` and `https://wallet.example/alice` are one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ResourceUrl(Box<str>);

impl ResourceUrl {
    /// The normal form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same, refused unless it can be a wallet address: http or https, without user information,
    /// query and fragment, so that a path may be appended to it.
    pub fn require_wallet_address(self) -> Result<Self, InvalidUri> {
        let url = absolute(&self.0)?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(InvalidUri::Scheme);
        }
        let plain = url.username().is_empty() && url.password().is_none();
        if !plain || url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidUri::Decorated);
        }
        Ok(self)
    }
}

impl FromStr for ResourceUrl {
    type Err = InvalidUri;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = absolute(text)?;
        let text = url.as_str();
        let plain = url.query().is_none() && url.fragment().is_none();
        Ok(Self(if plain { text.trim_end_matches('/') } else { text }.into()))
    }
}

impl TryFrom<String> for ResourceUrl {
    type Error = InvalidUri;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ResourceUrl> for String {
    fn from(url: ResourceUrl) -> Self {
        url.0.into()
    }
}

impl fmt::Display for ResourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ResourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Deserialises an optional member that may be left out but not be `null`.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_url_are_equal() {
        let plain: ResourceUrl = "https://wallet.example/alice".parse().unwrap();
        for same in
            ["HTTPS://WALLET.example/alice", "https://wallet.example:443/alice/", "https://wallet.example/alice"]
        {
            assert_eq!(same.parse::<ResourceUrl>().unwrap(), plain, "{same}");
        }
        assert_ne!("https://wallet.example/Alice".parse::<ResourceUrl>().unwrap(), plain);
        assert_ne!("http://wallet.example/alice".parse::<ResourceUrl>().unwrap(), plain);
    }

    #[test]
    fn a_wallet_address_is_a_plain_web_address() {
        let check = |text: &str| text.parse::<ResourceUrl>().and_then(ResourceUrl::require_wallet_address);
        assert!(check("http://localhost:3000/accounts/gfranklin").is_ok());
        assert_eq!(check("/accounts/gfranklin"), Err(InvalidUri::NotAbsolute));
        assert_eq!(check("file:///etc/passwd"), Err(InvalidUri::Scheme));
        assert_eq!(check("urn:x:y"), Err(InvalidUri::Scheme));
        for decorated in
            ["https://u@h.example/a", "https://u:p@h.example/a", "https://h.example/a?x", "https://h.example/a#x"]
        {
            assert_eq!(check(decorated), Err(InvalidUri::Decorated), "{decorated}");
        }
        assert_eq!(check(&format!("https://h.example/{}", "a".repeat(3000))), Err(InvalidUri::TooLong));
    }
}
