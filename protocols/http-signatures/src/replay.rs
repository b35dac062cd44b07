//! Single use of nonces (RFC 9421 section 7.2.2): the name under which a nonce is stored, and for how long.
//!
//! It does not store nonces: all processes of a server share that store. A repeated signature without a nonce is not
//! refused: Ed25519 is deterministic and `created` counts seconds, so two equal requests of an honest client within a
//! second have the same signature. They are two requests. If a client wants a repetition to be recognised, it sends a
//! nonce or an idempotency key.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::verify::{Freshness, Verified};

impl Verified {
    /// The name of the nonce that this key of `client` has used, if the signature has one. It has a fixed length, and
    /// is equal only for the same nonce of the same key of the same client. A second use within [`Freshness::memory`]
    /// is a replay.
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
    /// How long a request could be repeated, so that its nonce must be stored: its largest age after the earliest
    /// instant at which it is accepted. If signatures have no age limit, it is the default time.
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
