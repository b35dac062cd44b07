//! Clear values of tokens, encrypted, so that the way back can restore them.
//!
//! AES-256-GCM. The nonce is derived from key, owner and value, so a repeated pass writes the same octets. Owner and
//! kind are authenticated, so a value cannot be decrypted for another row.

use aes_gcm::aead::consts::U12;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::aes::Aes256;
use aes_gcm::{AesGcm, Key, Nonce};
use clock::Timestamp;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::sealed::ColumnSecret;

/// Octets of the nonce, which come first.
const NONCE: usize = 12;

/// What a kept value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptKind {
    /// An access token; its owner is its management id.
    AccessToken,
    /// A continuation token; its owner is its grant.
    Continuation,
    /// A token that a peer presents to us; its owner is the peer.
    PeerToken,
}

/// The key that encrypts clear values, and the time until which they are kept.
#[derive(Clone, Debug)]
pub struct Keeping {
    /// The key.
    pub key: ColumnSecret,
    /// The end of the trial period.
    pub until: Timestamp,
}

/// The value cannot be decrypted: another key, another owner, or damaged octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a kept value cannot be decrypted with this key")]
pub struct OtherKey;

impl KeptKind {
    fn bound_to(self, owner: Uuid) -> Vec<u8> {
        let kind: &[u8] = match self {
            Self::AccessToken => b"access token ",
            Self::Continuation => b"continuation ",
            Self::PeerToken => b"peer token ",
        };
        [kind, owner.as_bytes().as_slice()].concat()
    }
}

fn cipher_of(key: &ColumnSecret) -> AesGcm<Aes256, U12> {
    let key: Key<AesGcm<Aes256, U12>> = (*key.octets()).into();
    AesGcm::new(&key)
}

/// Encrypts the value of an owner.
pub(crate) fn seal(kind: KeptKind, owner: Uuid, value: &str, key: &ColumnSecret) -> Vec<u8> {
    let bound = kind.bound_to(owner);
    let mut digest = Sha256::new();
    for part in [b"nonce of a kept value ".as_slice(), key.octets(), &bound, value.as_bytes()] {
        digest.update(part);
    }
    let mut nonce = [0; NONCE];
    nonce.copy_from_slice(&digest.finalize()[..NONCE]);
    let cipher = cipher_of(key);
    let payload = Payload { msg: value.as_bytes(), aad: &bound };
    // Only texts of more than 64 GB cannot be encrypted.
    let sealed = cipher.encrypt(&Nonce::<U12>::from(nonce), payload).unwrap_or_default();
    [nonce.as_slice(), &sealed].concat()
}

/// The clear value.
pub fn open(kind: KeptKind, owner: Uuid, sealed: &[u8], key: &ColumnSecret) -> Result<String, OtherKey> {
    let (nonce, text) = sealed.split_at_checked(NONCE).ok_or(OtherKey)?;
    let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| OtherKey)?;
    let cipher = cipher_of(key);
    let payload = Payload { msg: text, aad: &kind.bound_to(owner) };
    let clear = cipher.decrypt(&Nonce::<U12>::from(nonce), payload).map_err(|_| OtherKey)?;
    String::from_utf8(clear).map_err(|_| OtherKey)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_value_opens_with_its_key_for_its_owner_and_its_kind_only() {
        let key = ColumnSecret::from_base64("BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=").unwrap();
        let other = ColumnSecret::from_base64("CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=").unwrap();
        let owner = Uuid::from_u128(5);
        let sealed = seal(KeptKind::AccessToken, owner, "7D1B", &key);
        assert_eq!(sealed, seal(KeptKind::AccessToken, owner, "7D1B", &key), "a repetition writes the same");
        assert!(!sealed.windows(4).any(|part| part == b"7D1B"));
        assert_eq!(open(KeptKind::AccessToken, owner, &sealed, &key), Ok("7D1B".to_owned()));
        assert_eq!(open(KeptKind::AccessToken, owner, &sealed, &other), Err(OtherKey));
        assert_eq!(open(KeptKind::AccessToken, Uuid::from_u128(6), &sealed, &key), Err(OtherKey));
        for other_kind in [KeptKind::Continuation, KeptKind::PeerToken] {
            assert_eq!(open(other_kind, owner, &sealed, &key), Err(OtherKey));
        }
        assert_eq!(open(KeptKind::AccessToken, owner, &sealed[..8], &key), Err(OtherKey));
    }
}
