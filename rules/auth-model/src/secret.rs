//! Secrets as they are stored: only their hash, which is compared in constant time.
//! They are generated in `services/auth`.

use clock::Entropy;
use gnap::TokenValue;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The SHA-256 of a token or shared secret. It is enough to recognise the secret, and not enough to use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// The hash of this secret.
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    /// A hash that was stored.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash as octets, to store it.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether `presented` is the secret. The time of the comparison does not depend on how much of it is right.
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

#[cfg(test)]
mod tests {
    use super::*;
    use clock::SeededEntropy;

    #[test]
    fn a_token_has_160_random_bits_and_what_is_kept_of_it_does_not_show_them() {
        let entropy = SeededEntropy::new(5);
        let [one, other] = [mint(&entropy), mint(&entropy)];
        assert_eq!(one.expose().len(), 40);
        assert!(one.expose().bytes().all(|octet| octet.is_ascii_digit() || (b'A'..=b'F').contains(&octet)));
        let kept = SecretHash::of(one.expose());
        assert!(kept.matches(one.expose()) && !kept.matches(other.expose()));
        // The SHA-256 of "abc" (FIPS 180-4): what is kept is the plain digest.
        assert_eq!(SecretHash::of("abc").as_bytes()[..4], [0xba, 0x78, 0x16, 0xbf]);
    }
}
