//! Single use of nonces (RFC 9421 section 7.2.2): by which name a nonce is remembered, and for how long.
//!
//! Not the memory itself, which all processes of a server share. Signatures without a nonce are not refused when they
//! come again: Ed25519 is deterministic and `created` counts seconds, so two honest equal requests within a second
//! carry the same signature. They are two requests. A client that wants a repetition to be recognised sends a nonce
//! or an idempotency key.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::verify::{Freshness, Verified};

impl Verified {
    /// The name of the nonce this key of `client` has used, if the signature has one: of fixed length, and equal for
    /// the same nonce of the same key of the same client only. A second use within [`Freshness::memory`] is a replay.
    pub fn nonce_name(&self, client: &str) -> Option<String> {
        let nonce = self.nonce.as_deref()?;
        let mut digest = Sha256::new();
        for part in [client, &self.key_id, nonce] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        Some(URL_SAFE_NO_PAD.encode(digest.finalize()))
    }
}

impl Freshness {
    /// How long a request may come again and so has to be remembered: its greatest age after the earliest instant it is
    /// accepted at. Where signatures never get old, as long as by default.
    pub fn memory(&self) -> Duration {
        let max_age = if self.max_age.is_zero() { Self::default().max_age } else { self.max_age };
        max_age + self.clock_skew
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(client: &str, key_id: &str, nonce: Option<&str>) -> Option<String> {
        let verified = Verified { key_id: key_id.into(), nonce: nonce.map(str::to_owned) };
        verified.nonce_name(client)
    }

    #[test]
    fn a_nonce_has_one_name_for_each_key_of_each_client() {
        let own = name("c", "k", Some("n")).unwrap();
        assert_eq!(name("c", "k", Some("n")), Some(own.clone()));
        for other in
            [("d", "k", "n"), ("c", "l", "n"), ("c", "k", "m"), ("ck", "", "n"), ("", "ck", "n"), ("c", "kn", "")]
        {
            assert_ne!(name(other.0, other.1, Some(other.2)), Some(own.clone()), "{other:?}");
        }
        assert_eq!(name("c", "k", None), None);
        assert_eq!(name("c", "k", Some(&"n".repeat(10_000))).unwrap().len(), own.len());
    }

    #[test]
    fn requests_are_remembered_as_long_as_they_may_be_accepted() {
        let freshness = Freshness { max_age: Duration::from_secs(10), clock_skew: Duration::from_secs(3) };
        assert_eq!(freshness.memory(), Duration::from_secs(13));
        let ageless = Freshness { max_age: Duration::ZERO, ..freshness };
        assert_eq!(ageless.memory(), Duration::from_secs(303));
    }
}
