//! Texts that the original encrypts: a JSON object of ciphertext, tag and nonce, under AES-256-GCM.
//!
//! Other secrets are stored in clear in its tables.

use aes_gcm::aead::consts::U44;
use aes_gcm::aead::{Aead, KeyInit};
use aes_gcm::aes::Aes256;
use aes_gcm::{AesGcm, Key, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The secret of the old backend, `DB_ENCRYPTION_SECRET`.
#[derive(Clone)]
pub struct ColumnSecret([u8; 32]);

impl std::fmt::Debug for ColumnSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ColumnSecret(..)")
    }
}

/// The text is encrypted, and the secret does not decrypt it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text is encrypted with another secret")]
pub struct StillSealed;

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "cipherText")]
    cipher_text: String,
    tag: Tag,
    iv: String,
}

#[derive(Deserialize)]
struct Tag {
    data: Vec<u8>,
}

impl ColumnSecret {
    /// The secret as its variable holds it: base64 of 32 octets.
    pub fn from_base64(text: &str) -> Option<Self> {
        STANDARD.decode(text).ok()?.try_into().ok().map(Self)
    }

    pub(crate) fn octets(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The text in clear. A text without the JSON envelope is in clear already.
pub fn open(text: &str, secret: Option<&ColumnSecret>) -> Result<String, StillSealed> {
    let Ok(envelope) = serde_json::from_str::<Envelope>(text) else { return Ok(text.to_owned()) };
    let secret = secret.ok_or(StillSealed)?;
    let mut sealed = STANDARD.decode(&envelope.cipher_text).map_err(|_| StillSealed)?;
    sealed.extend(&envelope.tag.data);
    // The nonce is the text form of the 32 random octets.
    let nonce: [u8; 44] = envelope.iv.as_bytes().try_into().map_err(|_| StillSealed)?;
    let key: Key<AesGcm<Aes256, U44>> = secret.0.into();
    let cipher = AesGcm::<Aes256, U44>::new(&key);
    let clear = cipher.decrypt(&Nonce::<U44>::from(nonce), sealed.as_slice()).map_err(|_| StillSealed)?;
    String::from_utf8(clear).map_err(|_| StillSealed)
}

/// The text as the original encrypts it. The original takes a random nonce; here it is derived from secret, row and
/// text, so a repetition writes the same.
pub(crate) fn seal(text: &str, row: Uuid, secret: &ColumnSecret) -> String {
    let mut digest = Sha256::new();
    for part in [b"nonce of a text ".as_slice(), &secret.0, row.as_bytes(), text.as_bytes()] {
        digest.update(part);
    }
    let iv = STANDARD.encode(digest.finalize());
    let key: Key<AesGcm<Aes256, U44>> = secret.0.into();
    let cipher = AesGcm::<Aes256, U44>::new(&key);
    let mut nonce = [0; 44];
    nonce.copy_from_slice(iv.as_bytes());
    // Only texts of more than 64 GB cannot be encrypted.
    let mut sealed = cipher.encrypt(&Nonce::<U44>::from(nonce), text.as_bytes()).unwrap_or_default();
    let tag = sealed.split_off(sealed.len().saturating_sub(16));
    let envelope = json!({
        "cipherText": STANDARD.encode(&sealed), "tag": { "type": "Buffer", "data": tag }, "iv": iv,
    });
    envelope.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
    const SEALED: &str = r#"{"cipherText":"CvJcnCE=","tag":{"type":"Buffer","data":[241,86,150,211,228,198,106,94,157,149,75,122,233,245,47,230]},"iv":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="}"#;

    #[test]
    fn an_encrypted_text_is_opened_with_its_secret_and_with_no_other() {
        let secret = ColumnSecret::from_base64(SECRET).unwrap();
        assert_eq!(open(SEALED, Some(&secret)), Ok("hello".to_owned()));
        assert_eq!(open(&seal("hello", Uuid::nil(), &secret), Some(&secret)), Ok("hello".to_owned()));
        assert_eq!(open(SEALED, Some(&ColumnSecret([8; 32]))), Err(StillSealed));
        assert_eq!(open(SEALED, None), Err(StillSealed));
        assert_eq!(open("{\"memo\":1}", None), Ok("{\"memo\":1}".to_owned()));
    }
}
