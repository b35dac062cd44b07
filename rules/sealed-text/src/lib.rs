//! Texts that are encrypted where they are stored: AES-256-GCM (NIST SP 800-38D) with the id of the key beside them.
//!
//! Not what travels: that has keys of its own.

#![warn(missing_docs)]

use std::fmt;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use clock::Entropy;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Begins a sealed text; then come the key's id, a colon, and nonce, ciphertext and tag in base64.
const SEALED: &str = "sealed:1:";
/// Begins a text that was stored as it is although it looks like a sealed one.
const PLAIN: &str = "plain:1:";
const NONCE: usize = 12;

/// Seals and opens. Clones have the same keys.
#[derive(Clone, Default)]
pub struct Sealer {
    /// Seals and opens.
    present: Option<SealingKey>,
    /// Open.
    former: Vec<SealingKey>,
}

#[derive(Clone)]
struct SealingKey {
    id: String,
    cipher: Aes256Gcm,
}

/// Why a stored text cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The key it was sealed with is not here.
    #[error("it is sealed with the key {id}; name that key in DB_ENCRYPTION_FORMER_SECRETS")]
    UnknownKey {
        /// The key's id.
        id: String,
    },
    /// It was changed, or belongs to something else.
    #[error("it is not as it was sealed")]
    Damaged,
}

impl Sealer {
    /// Seals with `present`, if there is one, and opens what was sealed with it or with one of `former`.
    pub fn new(present: Option<&[u8; 32]>, former: &[[u8; 32]]) -> Self {
        Self { present: present.map(SealingKey::new), former: former.iter().map(SealingKey::new).collect() }
    }

    /// `text` as it is to be stored for `about`. Without a key it is stored as it is.
    pub fn seal(&self, text: &str, about: Uuid, entropy: &dyn Entropy) -> String {
        let nonce = entropy.bytes::<NONCE>();
        let sealed = self.present.as_ref().and_then(|key| {
            let payload = Payload { msg: text.as_bytes(), aad: about.as_bytes() };
            let sealed = key.cipher.encrypt(&Nonce::from(nonce), payload).ok()?;
            Some(format!("{SEALED}{}:{}", key.id, STANDARD_NO_PAD.encode([&nonce[..], &sealed].concat())))
        });
        sealed.unwrap_or_else(|| {
            let looks_stored = [SEALED, PLAIN].iter().any(|mark| text.starts_with(mark));
            if looks_stored { format!("{PLAIN}{text}") } else { text.to_owned() }
        })
    }

    /// The text that was stored for `about`. What was never sealed is as it is.
    pub fn open(&self, stored: &str, about: Uuid) -> Result<String, OpenError> {
        if let Some(plain) = stored.strip_prefix(PLAIN) {
            return Ok(plain.to_owned());
        }
        let Some(sealed) = stored.strip_prefix(SEALED) else { return Ok(stored.to_owned()) };
        let (id, octets) = sealed.split_once(':').ok_or(OpenError::Damaged)?;
        let key = self.present.iter().chain(&self.former).find(|key| key.id == id);
        let key = key.ok_or_else(|| OpenError::UnknownKey { id: id.chars().take(16).collect() })?;
        let octets = STANDARD_NO_PAD.decode(octets).map_err(|_| OpenError::Damaged)?;
        let (nonce, msg) = octets.split_first_chunk::<NONCE>().ok_or(OpenError::Damaged)?;
        let payload = Payload { msg, aad: about.as_bytes() };
        let text = key.cipher.decrypt(&Nonce::from(*nonce), payload).map_err(|_| OpenError::Damaged)?;
        String::from_utf8(text).map_err(|_| OpenError::Damaged)
    }
}

impl SealingKey {
    /// The id is the beginning of the key's SHA-256: it tells keys apart and nothing about them.
    fn new(key: &[u8; 32]) -> Self {
        let digest = Sha256::new().chain_update(b"rafiki key id").chain_update(key).finalize();
        let id = digest[..4].iter().map(|octet| format!("{octet:02x}")).collect();
        Self { id, cipher: Aes256Gcm::new(key.into()) }
    }
}

impl fmt::Debug for Sealer {
    /// The ids of its keys only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.present.iter().chain(&self.former).map(|key| &key.id)).finish()
    }
}

#[cfg(test)]
mod tests {
    use clock::SeededEntropy;

    use super::*;

    const ONE: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);

    fn seal(sealer: &Sealer, text: &str) -> String {
        sealer.seal(text, ONE, &SeededEntropy::new(7))
    }

    #[test]
    fn what_is_sealed_is_not_seen_and_is_opened_with_its_key_only() {
        let sealer = Sealer::new(Some(&[7; 32]), &[]);
        let stored = seal(&sealer, "sample kyc data");
        assert!(stored.starts_with("sealed:1:") && !stored.contains("kyc"), "{stored}");
        assert_eq!(sealer.open(&stored, ONE).as_deref(), Ok("sample kyc data"));
        let unknown = Sealer::new(Some(&[8; 32]), &[]).open(&stored, ONE).unwrap_err();
        assert!(unknown.to_string().contains("DB_ENCRYPTION_FORMER_SECRETS"), "{unknown}");
        assert!(matches!(Sealer::default().open(&stored, ONE), Err(OpenError::UnknownKey { .. })));
        assert_eq!(
            Sealer::new(None, &[[7; 32]]).open(&stored, ONE).as_deref(),
            Ok("sample kyc data"),
            "no longer sealing"
        );
    }

    #[test]
    fn no_text_is_sealed_alike_twice() {
        let (sealer, entropy) = (Sealer::new(Some(&[7; 32]), &[]), SeededEntropy::new(7));
        assert_ne!(sealer.seal("a", ONE, &entropy), sealer.seal("a", ONE, &entropy));
    }

    #[test]
    fn a_changed_key_still_opens_what_was_sealed_before() {
        let stored = seal(&Sealer::new(Some(&[7; 32]), &[]), "before");
        let changed = Sealer::new(Some(&[8; 32]), &[[7; 32]]);
        assert_eq!(changed.open(&stored, ONE).as_deref(), Ok("before"));
        let again = seal(&changed, "before");
        assert_eq!(Sealer::new(Some(&[8; 32]), &[]).open(&again, ONE).as_deref(), Ok("before"), "with the new one");
    }

    #[test]
    fn what_was_changed_or_put_elsewhere_is_not_opened() {
        let sealer = Sealer::new(Some(&[7; 32]), &[]);
        let stored = seal(&sealer, "text");
        assert_eq!(sealer.open(&stored, OTHER), Err(OpenError::Damaged));
        let mut changed = stored.clone();
        changed.pop();
        changed.push(if stored.ends_with('A') { 'B' } else { 'A' });
        assert_eq!(sealer.open(&changed, ONE), Err(OpenError::Damaged));
        assert_eq!(sealer.open("sealed:1:", ONE), Err(OpenError::Damaged));
    }

    #[test]
    fn without_a_key_every_text_comes_back_as_it_was() {
        let sealer = Sealer::default();
        for text in ["", "plain", "sealed:1:x:y", "plain:1:x", r#"{"cipherText":"x"}"#] {
            let stored = seal(&sealer, text);
            assert_eq!(sealer.open(&stored, ONE).as_deref(), Ok(text));
            assert_eq!(
                Sealer::new(Some(&[7; 32]), &[]).open(&stored, ONE).as_deref(),
                Ok(text),
                "with a key set later"
            );
        }
    }
}
