//! Texts that are encrypted where they are stored: AES-256-GCM (NIST SP 800-38D), with the id of the key beside them.
//!
//! It does not protect what travels over the network.

#![warn(missing_docs)]

use std::fmt;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use clock::Entropy;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The beginning of a sealed text. The key's id, a colon, and nonce, ciphertext and tag in base64 follow.
const SEALED: &str = "sealed:1:";
/// The beginning of a text that is stored as it is although it looks like a sealed one.
const PLAIN: &str = "plain:1:";
/// The nonce has the length that NIST SP 800-38D recommends. It is random, so one key may seal up to 2^32 texts.
const NONCE: usize = 12;

/// Where a text is stored. A sealed text can be opened at its own place only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The data of the outgoing payment with this id.
    DataToTransmit(Uuid),
    /// The sender's data in the event with this id.
    DataFromSender(Uuid),
    /// The private key that is used with the peer with this id.
    PrivateKey(Uuid),
    /// The secret of the second factor of the wallet's user with this id.
    SecondFactor(Uuid),
    /// The value of the access token with this management id, for the repetition of the request that got it.
    TokenAnswer(Uuid),
}

/// Seals and opens. Clones have the same keys.
#[derive(Clone, Default)]
pub struct Sealer {
    /// Seals and opens.
    present: Option<SealingKey>,
    /// These open only.
    former: Vec<SealingKey>,
}

#[derive(Clone)]
struct SealingKey {
    id: String,
    cipher: Aes256Gcm,
    fingerprints: Hmac<Sha256>,
}

/// The cipher cannot seal a text of more than 64 GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text is too long to be sealed")]
pub struct TooLong;

/// Why a stored text cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The key that sealed it is not configured.
    #[error("it is sealed with the key {id}; name that key in DB_ENCRYPTION_FORMER_SECRETS")]
    UnknownKey {
        /// The key's id.
        id: String,
    },
    /// It was changed, or it belongs to another place.
    #[error("it was changed after it was sealed, or moved here from another row")]
    Damaged,
}

impl Place {
    /// The data that the cipher authenticates with the text.
    fn associated_data(self) -> Vec<u8> {
        let (column, row) = match self {
            Self::DataToTransmit(row) => ("data to transmit:", row),
            Self::DataFromSender(row) => ("data from sender:", row),
            Self::PrivateKey(peer) => ("private key:", peer),
            Self::SecondFactor(user) => ("second factor:", user),
            Self::TokenAnswer(token) => ("token answer:", token),
        };
        [SEALED.as_bytes(), column.as_bytes(), row.as_bytes()].concat()
    }
}

impl Sealer {
    /// Seals with `present`, if there is one. Opens what was sealed with it or with one of `former`.
    pub fn new(present: Option<&[u8; 32]>, former: &[[u8; 32]]) -> Self {
        Self { present: present.map(SealingKey::new), former: former.iter().map(SealingKey::new).collect() }
    }

    /// Whether it has a key to seal with. If not, it would leave texts as they are.
    pub fn seals(&self) -> bool {
        self.present.is_some()
    }

    /// Whether a stored text is sealed with a former key, and can be sealed again with the present one.
    pub fn is_of_a_former_key(&self, stored: &str) -> bool {
        let id = stored.strip_prefix(SEALED).and_then(|sealed| sealed.split_once(':')).map(|(id, _)| id);
        let present = self.present.as_ref().map(|key| key.id.as_str());
        present.is_some() && id.is_some() && id != present
    }

    /// Returns the form in which `text` is stored at `place`. Without a key this is the text itself.
    pub fn seal(&self, text: &str, place: Place, entropy: &dyn Entropy) -> Result<String, TooLong> {
        let Some(key) = &self.present else {
            let looks_stored = [SEALED, PLAIN].iter().any(|mark| text.starts_with(mark));
            return Ok(if looks_stored { format!("{PLAIN}{text}") } else { text.to_owned() });
        };
        let nonce = entropy.bytes::<NONCE>();
        let payload = Payload { msg: text.as_bytes(), aad: &place.associated_data() };
        let sealed = key.cipher.encrypt(&Nonce::from(nonce), payload).map_err(|_| TooLong)?;
        Ok(format!("{SEALED}{}:{}", key.id, STANDARD_NO_PAD.encode([&nonce[..], &sealed].concat())))
    }

    /// Returns the text that was stored at `place`. A text that was never sealed is returned as it is.
    pub fn open(&self, stored: &str, place: Place) -> Result<String, OpenError> {
        if let Some(plain) = stored.strip_prefix(PLAIN) {
            return Ok(plain.to_owned());
        }
        let Some(sealed) = stored.strip_prefix(SEALED) else { return Ok(stored.to_owned()) };
        let (id, octets) = sealed.split_once(':').ok_or(OpenError::Damaged)?;
        let octets = STANDARD_NO_PAD.decode(octets).map_err(|_| OpenError::Damaged)?;
        let (nonce, msg) = octets.split_first_chunk::<NONCE>().ok_or(OpenError::Damaged)?;

        let mut keys = self.present.iter().chain(&self.former).filter(|key| key.id == id).peekable();
        if keys.peek().is_none() {
            return Err(OpenError::UnknownKey { id: id.chars().take(16).collect() });
        }
        let aad = place.associated_data();
        // Two keys can have the same id, although that is rare.
        let text = keys.find_map(|key| key.cipher.decrypt(&Nonce::from(*nonce), Payload { msg, aad: &aad }).ok());
        text.and_then(|text| String::from_utf8(text).ok()).ok_or(OpenError::Damaged)
    }

    /// A digest that is equal for equal `data` about the same `subject`. Without the key nobody can test whether it is
    /// the digest of some data.
    pub fn fingerprint(&self, data: &[u8], subject: Uuid) -> [u8; 32] {
        let digest = self.present.as_ref().map_or_else(|| fingerprints_of(&[]), |key| key.fingerprints.clone());
        digest.chain_update(subject.as_bytes()).chain_update(data).finalize().into_bytes().into()
    }
}

impl SealingKey {
    fn new(key: &[u8; 32]) -> Self {
        // The id is the beginning of a digest. It distinguishes keys and does not reveal them.
        let digest = Sha256::new().chain_update(b"rafiki key id").chain_update(key).finalize();
        let id = hex::encode(&digest[..4]);
        Self { id, cipher: Aes256Gcm::new(key.into()), fingerprints: fingerprints_of(key) }
    }
}

/// HMAC-SHA-256 (RFC 2104) with a key of its own, derived from `key`.
fn fingerprints_of(key: &[u8]) -> Hmac<Sha256> {
    let own = Sha256::new().chain_update(b"rafiki fingerprint key").chain_update(key).finalize();
    Hmac::<Sha256>::new_from_slice(&own).expect("a key of any length")
}

impl fmt::Debug for Sealer {
    /// Shows the ids of its keys only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.present.iter().chain(&self.former).map(|key| &key.id)).finish()
    }
}

#[cfg(test)]
mod tests {
    use clock::SeededEntropy;

    use super::*;

    const ONE: Place = Place::DataToTransmit(Uuid::from_u128(1));

    fn seal(sealer: &Sealer, text: &str) -> String {
        sealer.seal(text, ONE, &SeededEntropy::new(7)).unwrap()
    }

    #[test]
    fn a_sealed_text_is_hidden_and_only_its_key_opens_it() {
        let sealer = Sealer::new(Some(&[7; 32]), &[]);
        let stored = seal(&sealer, "sample kyc data");
        assert!(stored.starts_with("sealed:1:") && !stored.contains("kyc"), "{stored}");
        assert_eq!(sealer.open(&stored, ONE).as_deref(), Ok("sample kyc data"));
        let unknown = Sealer::new(Some(&[8; 32]), &[]).open(&stored, ONE).unwrap_err();
        assert!(unknown.to_string().contains("DB_ENCRYPTION_FORMER_SECRETS"), "{unknown}");
        assert!(matches!(Sealer::default().open(&stored, ONE), Err(OpenError::UnknownKey { .. })));
        let no_longer_sealing = Sealer::new(None, &[[7; 32]]);
        assert_eq!(no_longer_sealing.open(&stored, ONE).as_deref(), Ok("sample kyc data"));
    }

    #[test]
    fn a_text_that_openssl_sealed_with_this_key_is_opened() {
        let stored = "sealed:1:23c4cbe6:AAECAwQFBgcICQoLcOSFHHJAIMnZxYcYqhu++/Zfn+wf";
        assert_eq!(Sealer::new(Some(&[7; 32]), &[]).open(stored, ONE).as_deref(), Ok("hello"));
    }

    #[test]
    fn the_same_text_is_sealed_differently_each_time() {
        let (sealer, entropy) = (Sealer::new(Some(&[7; 32]), &[]), SeededEntropy::new(7));
        assert_ne!(sealer.seal("a", ONE, &entropy), sealer.seal("a", ONE, &entropy));
    }

    #[test]
    fn after_a_change_of_the_key_both_keys_open_and_the_new_one_seals() {
        let stored = seal(&Sealer::new(Some(&[7; 32]), &[]), "before");
        let changed = Sealer::new(Some(&[8; 32]), &[[7; 32]]);
        assert_eq!(changed.open(&stored, ONE).as_deref(), Ok("before"));
        assert!(changed.is_of_a_former_key(&stored) && !changed.is_of_a_former_key("before"));
        assert!(!Sealer::new(None, &[[7; 32]]).is_of_a_former_key(&stored), "there is no key to seal it with");
        let again = seal(&changed, "before");
        assert!(!changed.is_of_a_former_key(&again));
        assert_eq!(Sealer::new(Some(&[8; 32]), &[]).open(&again, ONE).as_deref(), Ok("before"));
    }

    #[test]
    fn a_text_that_was_changed_or_moved_to_another_place_is_not_opened() {
        let sealer = Sealer::new(Some(&[7; 32]), &[]);
        let stored = seal(&sealer, "text");
        let row = Uuid::from_u128(1);
        for other in [Place::DataToTransmit(Uuid::from_u128(2)), Place::DataFromSender(row), Place::PrivateKey(row)] {
            assert_eq!(sealer.open(&stored, other), Err(OpenError::Damaged));
        }
        let start = stored.rfind(':').unwrap() + 1;
        for at in start..stored.len() {
            let other = if stored.as_bytes()[at] == b'A' { "B" } else { "A" };
            let mut changed = stored.clone();
            changed.replace_range(at..=at, other);
            assert_eq!(sealer.open(&changed, ONE), Err(OpenError::Damaged), "{changed}");
        }
        assert_eq!(sealer.open("sealed:1:", ONE), Err(OpenError::Damaged));
        assert_eq!(sealer.open(&stored[..start + 8], ONE), Err(OpenError::Damaged));
    }

    #[test]
    fn without_a_key_each_text_is_returned_as_it_was() {
        let sealer = Sealer::default();
        assert!(!sealer.seals() && !Sealer::new(None, &[[7; 32]]).seals());
        for text in ["", "plain", "sealed:1:x:y", "plain:1:x", r#"{"cipherText":"x"}"#] {
            let stored = seal(&sealer, text);
            assert_eq!(sealer.open(&stored, ONE).as_deref(), Ok(text));
            let with_a_key_since = Sealer::new(Some(&[7; 32]), &[]);
            assert_eq!(with_a_key_since.open(&stored, ONE).as_deref(), Ok(text));
        }
    }

    #[test]
    fn a_fingerprint_depends_on_the_data_the_subject_and_the_key() {
        let (sealer, other) = (Sealer::new(Some(&[7; 32]), &[]), Sealer::new(Some(&[8; 32]), &[]));
        let subject = Uuid::from_u128(1);
        let one = sealer.fingerprint(b"data", subject);
        assert_eq!(one, sealer.clone().fingerprint(b"data", subject));
        assert_ne!(one, sealer.fingerprint(b"date", subject));
        assert_ne!(one, sealer.fingerprint(b"data", Uuid::from_u128(2)));
        assert_ne!(one, other.fingerprint(b"data", subject));
        assert_ne!(one, Sealer::default().fingerprint(b"data", subject));
    }
}
