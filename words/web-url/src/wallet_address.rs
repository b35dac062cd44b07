//! The URL of a wallet address of an instance. Its letter case does not matter.
//!
//! It does not say which addresses may be created: the payments service does.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use crate::invalid::{InvalidUrl, URL_LENGTH_MAX};
use crate::segment::{decoded, encoded, is_hidden};
use crate::web::WebUrl;

/// A wallet address in its normal form: a [`WebUrl`] in lower case, with composed characters (Unicode NFC), and with
/// escapes in small letters only where they are needed. Addresses are stored and searched in this form.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WalletAddressUrl(Box<str>);

impl WalletAddressUrl {
    /// The normal form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path with its leading slash; empty for a bare host.
    pub fn path(&self) -> &str {
        let rest = self.0.split_once("://").map_or("", |(_, rest)| rest);
        rest.find('/').map_or("", |start| &rest[start..])
    }

    /// The rest of the path after `base`, in whole segments: empty, or beginning with a slash. `None` if this is not
    /// below `base`.
    pub fn below(&self, base: &Self) -> Option<&str> {
        let rest = self.0.strip_prefix(base.as_str())?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }

    /// Whether one is below the other, or both are the same.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.below(other).is_some() || other.below(self).is_some()
    }

    /// The segments of the path, decoded.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.path().split('/').skip(1).filter_map(decoded)
    }
}

impl TryFrom<WebUrl> for WalletAddressUrl {
    type Error = InvalidUrl;

    fn try_from(url: WebUrl) -> Result<Self, InvalidUrl> {
        let mut text = format!("{}://{}", url.scheme(), url.authority());
        for segment in url.segments() {
            text.push('/');
            text.push_str(&folded(segment)?);
        }
        if text.len() > URL_LENGTH_MAX {
            return Err(InvalidUrl::TooLong);
        }
        Ok(Self(text.into()))
    }
}

/// One segment in its normal form.
fn folded(segment: &str) -> Result<String, InvalidUrl> {
    if segment.is_empty() {
        return Err(InvalidUrl::EmptySegment);
    }
    let says = decoded(segment).ok_or(InvalidUrl::Character)?;
    let blank = |character: char| character.is_whitespace() && character != ' ';
    if says.chars().any(|character| matches!(character, '/' | '\\') || blank(character) || is_hidden(character)) {
        return Err(InvalidUrl::Character);
    }
    let lower: String = says.nfc().flat_map(char::to_lowercase).collect();
    Ok(encoded(&lower.nfc().collect::<String>()))
}

impl FromStr for WalletAddressUrl {
    type Err = InvalidUrl;
    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        text.parse::<WebUrl>()?.try_into()
    }
}

impl TryFrom<String> for WalletAddressUrl {
    type Error = InvalidUrl;
    fn try_from(text: String) -> Result<Self, InvalidUrl> {
        text.parse()
    }
}

impl From<WalletAddressUrl> for String {
    fn from(url: WalletAddressUrl) -> Self {
        url.0.into()
    }
}

impl fmt::Display for WalletAddressUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for WalletAddressUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(text: &str) -> WalletAddressUrl {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn all_spellings_of_one_address_are_equal() {
        for (form, spellings) in [
            (
                "https://w.example/accounts/bob",
                &[
                    "https://W.example/Accounts/BOB/",
                    "https://w.example:443/accounts/%62ob",
                    "https://w.example/accounts/x/../bob",
                ][..],
            ),
            (
                "https://w.example/%c4%8dau",
                &[
                    "https://w.example/čau",
                    "https://w.example/ČAU",
                    "https://w.example/%C4%8DAU",
                    "https://w.example/c\u{30c}au",
                    "https://w.example/%c4%8cau",
                ][..],
            ),
            ("https://w.example/al%20ice", &["https://w.example/Al%20ice"][..]),
            ("https://w.example/a!b", &["https://w.example/a%21b"][..]),
        ] {
            assert_eq!(address(form).as_str(), form);
            for spelling in spellings {
                assert_eq!(address(spelling), address(form), "{spelling}");
            }
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for (text, reason) in [
            ("https://w.example//x", InvalidUrl::EmptySegment),
            ("https://w.example/a//x", InvalidUrl::EmptySegment),
            ("https://w.example/a%2Fb", InvalidUrl::Character),
            ("https://w.example/a%5Cb", InvalidUrl::Character),
            ("https://w.example/a%00", InvalidUrl::Character),
            ("https://w.example/a%0A", InvalidUrl::Character),
            ("https://w.example/a%FF", InvalidUrl::Character),
            ("https://w.example/%E2%80%AEgpj", InvalidUrl::Character),
            ("https://w.example/%C2%A0", InvalidUrl::Character),
            ("https://w.example/a?b", InvalidUrl::Decorated),
        ] {
            assert_eq!(text.parse::<WalletAddressUrl>(), Err(reason), "{text}");
        }
    }

    #[test]
    fn bases_overlap_by_whole_segments() {
        let base = address("https://w.example/t1");
        for overlapping in ["https://W.example/T1/", "https://w.example", "https://w.example/t1/x"] {
            assert!(address(overlapping).overlaps(&base), "{overlapping}");
        }
        for apart in
            ["https://w.example/t10", "https://w.example/t", "https://w.example:444/t1", "https://v.example/t1"]
        {
            assert!(!address(apart).overlaps(&base), "{apart}");
        }
        let inner = address("https://w.example/t1/%C4%8D/x");
        assert_eq!(inner.below(&address("https://w.example/T1/Č")), Some("/x"));
        assert_eq!(inner.names().collect::<Vec<_>>(), ["t1", "č", "x"]);
    }

    proptest! {
        #[test]
        fn the_one_form_is_its_own_form(path in "(/[a-zA-Z0-9%.čİßΣ~!]{1,9}){0,5}") {
            if let Ok(once) = format!("https://Host.example{path}").parse::<WalletAddressUrl>() {
                prop_assert_eq!(once.as_str().parse::<WalletAddressUrl>(), Ok(once.clone()));
            }
        }
    }
}
