//! Secrets as they are kept: only their hash, compared in constant time.

use clock::Entropy;
use gnap::TokenValue;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The SHA-256 of a token or shared secret. Enough to recognise it, not enough to use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// The hash of this secret.
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    /// A hash read from where it was kept.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash itself, for keeping it.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether `presented` is the secret, in a time that does not tell how much of it is right.
    pub fn matches(&self, presented: &str) -> bool {
        Self::of(presented).0.ct_eq(&self.0).into()
    }
}

/// A new token of 160 random bits, upper-case hexadecimal.
pub(crate) fn mint(entropy: &dyn Entropy) -> TokenValue {
    TokenValue::from(hex::<20>(entropy))
}

/// `N` random octets in upper-case hexadecimal.
pub(crate) fn hex<const N: usize>(entropy: &dyn Entropy) -> String {
    use std::fmt::Write as _;
    entropy.bytes::<N>().iter().fold(String::with_capacity(2 * N), |mut text, octet| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{octet:02X}");
        text
    })
}
