//! Encrypts texts that only this console can read: AES-256-GCM with a key derived from the cookie secret.
//!
//! It does not know their meaning. Sessions and flash messages are sealed, each for a purpose of its own.

use std::sync::Arc;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clock::Entropy;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

const NONCE: usize = 12;

/// Seals, opens and signs.
#[derive(Clone)]
pub(crate) struct Seal {
    /// Seals, opens, signs and verifies.
    present: Keys,
    /// Opens and verifies while the present one replaces it.
    former: Option<Keys>,
    entropy: Arc<dyn Entropy>,
}

/// The keys made of one secret.
#[derive(Clone)]
struct Keys {
    cipher: Aes256Gcm,
    mac: Hmac<Sha256>,
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal")
    }
}

impl Seal {
    /// Two processes with the same secret can read each other's texts.
    pub(crate) fn new(secret: &str, entropy: Arc<dyn Entropy>) -> Self {
        Self { present: Keys::of(secret), former: None, entropy }
    }

    /// Also opens what was sealed with the secret before.
    pub(crate) fn after(self, former: Option<&str>) -> Self {
        Self { former: former.map(Keys::of), ..self }
    }

    /// `text` sealed for `purpose`, in characters that a cookie may contain.
    pub(crate) fn seal(&self, purpose: &str, text: &str) -> String {
        let nonce: [u8; NONCE] = self.entropy.bytes();
        let payload = Payload { msg: text.as_bytes(), aad: purpose.as_bytes() };
        // The cipher only refuses texts of many gigabytes.
        let sealed = self.present.cipher.encrypt(&Nonce::from(nonce), payload).unwrap_or_default();
        URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat())
    }

    /// The text, if it was sealed with a known secret for this purpose and was not changed.
    pub(crate) fn open(&self, purpose: &str, sealed: &str) -> Option<String> {
        let octets = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, msg) = octets.split_first_chunk::<NONCE>()?;
        let open = |keys: &Keys| {
            let payload = Payload { msg, aad: purpose.as_bytes() };
            keys.cipher.decrypt(&Nonce::from(*nonce), payload).ok()
        };
        let text = open(&self.present).or_else(|| self.former.as_ref().and_then(open))?;
        String::from_utf8(text).ok()
    }

    /// A signature of these parts in their order.
    pub(crate) fn sign(&self, parts: &[&str]) -> [u8; 16] {
        self.present.sign(parts)
    }

    /// Whether a known secret has signed these parts.
    pub(crate) fn is_signature(&self, signature: &[u8], parts: &[&str]) -> bool {
        let known = std::iter::once(&self.present).chain(&self.former);
        known.fold(false, |found, keys| found | bool::from(keys.sign(parts).ct_eq(signature)))
    }
}

impl Keys {
    fn of(secret: &str) -> Self {
        let keyed = |purpose: &str| {
            let mut mac = of_octets(secret.as_bytes());
            mac.update(purpose.as_bytes());
            <[u8; 32]>::from(mac.finalize().into_bytes())
        };
        Self { cipher: Aes256Gcm::new(&keyed("seal").into()), mac: of_octets(&keyed("sign")) }
    }

    fn sign(&self, parts: &[&str]) -> [u8; 16] {
        let mut mac = self.mac.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        let full: [u8; 32] = mac.finalize().into_bytes().into();
        let mut half = [0; 16];
        half.copy_from_slice(&full[..16]);
        half
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn of_octets(key: &[u8]) -> Hmac<Sha256> {
    use hmac::KeyInit as _;
    Hmac::<Sha256>::new_from_slice(key).expect("a key of any length")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clock::SeededEntropy;

    fn seal(secret: &str) -> Seal {
        Seal::new(secret, Arc::new(SeededEntropy::new(1)))
    }

    #[test]
    fn a_sealed_text_is_read_with_the_same_secret_and_purpose_only() {
        let sealed = seal("a").seal("session", "tenant and secret");
        assert_eq!(seal("a").open("session", &sealed).as_deref(), Some("tenant and secret"));
        assert_eq!(seal("b").open("session", &sealed), None);
        assert_eq!(seal("a").open("flash", &sealed), None);
        assert!(!sealed.contains("secret"));
    }

    #[test]
    fn while_the_secret_is_replaced_both_open_and_the_new_one_seals() {
        let replacing = seal("new").after(Some("old"));
        assert_eq!(replacing.open("session", &seal("old").seal("session", "x")).as_deref(), Some("x"));
        assert_eq!(seal("new").open("session", &replacing.seal("session", "x")).as_deref(), Some("x"));
        assert_eq!(seal("old").open("session", &replacing.seal("session", "x")), None);
        let signed = seal("old").sign(&["form"]);
        assert!(replacing.is_signature(&signed, &["form"]) && !replacing.is_signature(&signed, &["other"]));
        assert!(!seal("new").is_signature(&signed, &["form"]));
    }

    #[test]
    fn a_changed_or_cut_text_is_refused() {
        let sealed = seal("a").seal("session", "x");
        assert_eq!(seal("a").open("session", &sealed[..sealed.len() - 2]), None);
        assert_eq!(seal("a").open("session", ""), None);
        let mut changed = sealed.into_bytes();
        changed[3] = if changed[3] == b'A' { b'B' } else { b'A' };
        assert_eq!(seal("a").open("session", std::str::from_utf8(&changed).unwrap()), None);
    }
}
