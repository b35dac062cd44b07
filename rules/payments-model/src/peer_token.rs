//! The tokens that two peers present to each other, and how a new token replaces an old one.
//!
//! It does not make the requests that carry them.

use std::fmt;
use std::time::Duration;

use clock::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::tenant::Secret;

/// The most replaced tokens that are kept for one peer and direction.
pub const REPLACED_KEPT: usize = 8;

/// The SHA-256 of a token that a peer presents. The token itself is not kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenDigest([u8; 32]);

/// The text is not a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a digest is 64 hexadecimal digits")]
pub struct InvalidDigest;

impl TokenDigest {
    /// The digest of `token`.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }
}

impl TokenDigest {
    /// A name for people that does not give the digest away.
    pub fn short(&self) -> String {
        self.to_string().chars().take(16).collect()
    }
}

impl fmt::Display for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(…)")
    }
}

impl std::str::FromStr for TokenDigest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let mut octets = [0; 32];
        if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(InvalidDigest);
        }
        for (octet, pair) in octets.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| InvalidDigest)?;
            *octet = u8::from_str_radix(pair, 16).map_err(|_| InvalidDigest)?;
        }
        Ok(Self(octets))
    }
}

/// A token that a peer may present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IncomingToken {
    /// Its digest.
    pub digest: TokenDigest,
    /// The time from which it is refused; `None` if it has no end.
    pub expires_at: Option<Timestamp>,
}

impl IncomingToken {
    /// Makes a token without an end.
    pub fn of(token: &str) -> Self {
        Self { digest: TokenDigest::of(token), expires_at: None }
    }

    /// Whether it is valid at `now`.
    pub fn is_good(&self, now: Timestamp) -> bool {
        is_good(self.expires_at, now)
    }

    /// The same token, which ends at `at`, or sooner if it had an earlier end.
    pub fn ending(self, at: Timestamp) -> Self {
        Self { expires_at: Some(self.expires_at.map_or(at, |expiry| expiry.min(at))), ..self }
    }
}

/// When a new token and those before it end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenEnds {
    /// When the new one ends; `None`: never.
    pub own: Option<Timestamp>,
    /// When those before it end, unless they end sooner; `None`: as they did.
    pub others: Option<Timestamp>,
}

/// A token that we presented to a peer before the present one. It is tried while the peer does not know the present one
/// yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FormerToken {
    /// The token.
    token: String,
    /// The time from which it is no longer presented, in milliseconds since the epoch.
    expires_at: i64,
}

impl FormerToken {
    /// The token, if it may still be presented.
    pub fn usable(&self, now: Timestamp) -> Option<&str> {
        (now.as_millis() < self.expires_at).then_some(&*self.token)
    }

    /// Its digest.
    pub fn digest(&self) -> TokenDigest {
        TokenDigest::of(&self.token)
    }

    /// The time from which it is no longer presented.
    pub fn expires_at(&self) -> Timestamp {
        Timestamp::from_millis(self.expires_at)
    }

    /// The tokens that may still be presented after `present` is replaced, the newest first. Their number is limited.
    pub fn after(present: &Secret, former: &[Self], now: Timestamp, overlap: Duration) -> Vec<Self> {
        let replaced = Self { token: present.expose().to_owned(), expires_at: (now + overlap).as_millis() };
        let still = former.iter().filter(|token| token.usable(now).is_some()).cloned();
        std::iter::once(replaced).chain(still).take(REPLACED_KEPT).collect()
    }
}

fn is_good(expires_at: Option<Timestamp>, now: Timestamp) -> bool {
    expires_at.is_none_or(|expiry| now < expiry)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn a_digest_is_read_as_it_is_written() {
        let digest = TokenDigest::of("token");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!(
            digest.to_string(),
            "3c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153e0",
            "the SHA-256 of the token's octets"
        );
        for wrong in ["", "3c", &"g".repeat(64), &"č".repeat(32)] {
            assert_eq!(wrong.parse::<TokenDigest>(), Err(InvalidDigest), "{wrong}");
        }
    }

    #[test]
    fn a_token_that_ends_is_good_until_then_and_never_ends_later() {
        let token = IncomingToken::of("token");
        assert!(token.is_good(at(1_000_000)));
        let ending = token.ending(at(10));
        assert!(ending.is_good(at(9)) && !ending.is_good(at(10)));
        assert_eq!(ending.ending(at(20)), ending);
        assert_eq!(ending.ending(at(5)).expires_at, Some(at(5)));
    }

    #[test]
    fn replaced_tokens_are_tried_for_a_while_the_newest_first() {
        let overlap = Duration::from_secs(10);
        let first = FormerToken::after(&Secret::new("a"), &[], at(0), overlap);
        let second = FormerToken::after(&Secret::new("b"), &first, at(5), overlap);
        let usable = |tokens: &[FormerToken], now| {
            tokens.iter().filter_map(|token| token.usable(now).map(str::to_owned)).collect::<Vec<_>>()
        };
        assert_eq!(usable(&second, at(9)), ["b", "a"]);
        assert_eq!(usable(&second, at(10)), ["b"]);
        assert_eq!(usable(&FormerToken::after(&Secret::new("c"), &second, at(12), overlap), at(12)), ["c", "b"]);
        let mut many = Vec::new();
        for n in 0..20 {
            many = FormerToken::after(&Secret::new(n.to_string()), &many, at(20), overlap);
        }
        assert_eq!(many.len(), REPLACED_KEPT);
    }
}
