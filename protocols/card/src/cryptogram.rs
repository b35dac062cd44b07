//! Cryptograms of chips: AES-128 CMAC of 8 octets (RFC 4493), or ECDSA over P-256 in 72 octets (FIPS 186-5).
//!
//! This file signs and verifies octets. Which octets are signed is in `payload`.

use std::fmt;

use aes::Aes128;
use aes::cipher::Array;
use cmac::{Cmac, KeyInit, Mac};
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, VerifyingKey};

/// Octets of a CMAC on a card.
pub(crate) const CMAC_LENGTH: usize = 8;
/// Octets of an ECDSA signature on a card: the longest DER form. Shorter signatures are padded with zeros.
pub(crate) const ECDSA_LENGTH: usize = 72;

/// A cryptogram in the form of the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cryptogram {
    /// Of type `80`.
    Cmac([u8; CMAC_LENGTH]),
    /// Of type `C1`.
    Ecdsa([u8; ECDSA_LENGTH]),
}

impl Cryptogram {
    /// The octets.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Cmac(octets) => octets,
            Self::Ecdsa(octets) => octets,
        }
    }

    /// The cryptogram of type `kind` with these octets.
    pub(crate) fn read(kind: u8, octets: &[u8]) -> Option<Self> {
        match kind {
            0x80 => octets.try_into().ok().map(Self::Cmac),
            0xc1 => octets.try_into().ok().map(Self::Ecdsa),
            _ => None,
        }
    }
}

/// The key with which the issuer verifies a chip's cryptograms.
#[derive(Clone, PartialEq, Eq)]
pub enum CardKey {
    /// The AES-128 key it shares with the chip.
    Cmac([u8; 16]),
    /// The public half of the chip's P-256 key.
    Ecdsa(Box<VerifyingKey>),
}

/// The octets are not a point of P-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a card's public key is a point of P-256 in SEC 1 form, compressed or not")]
pub struct InvalidKey;

impl CardKey {
    /// The public key in SEC 1 form.
    pub fn ecdsa(sec1: &[u8]) -> Result<Self, InvalidKey> {
        VerifyingKey::from_sec1_bytes(sec1).map(|key| Self::Ecdsa(Box::new(key))).map_err(|_| InvalidKey)
    }

    /// The octets to store: the shared key, or the compressed point.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Cmac(key) => key.to_vec(),
            Self::Ecdsa(key) => key.to_sec1_point(true).as_bytes().to_vec(),
        }
    }

    /// Whether the chip with this key signed `octets`. A cryptogram of another type is refused.
    pub(crate) fn verifies(&self, octets: &[u8], cryptogram: &Cryptogram) -> bool {
        match (self, cryptogram) {
            (Self::Cmac(key), Cryptogram::Cmac(shown)) => {
                let mut mac = Cmac::<Aes128>::new(&Array(*key));
                mac.update(octets);
                mac.verify_truncated_left(shown).is_ok()
            }
            (Self::Ecdsa(key), Cryptogram::Ecdsa(shown)) => {
                signature_of(shown).is_some_and(|signature| key.verify(octets, &signature).is_ok())
            }
            _ => false,
        }
    }
}

impl fmt::Debug for CardKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cmac(_) => "CardKey::Cmac(..)",
            Self::Ecdsa(_) => "CardKey::Ecdsa(..)",
        })
    }
}

/// The signature in DER form, without the padding zeros. Other octets after it are refused.
fn signature_of(octets: &[u8; ECDSA_LENGTH]) -> Option<Signature> {
    let length = 2 + usize::from(octets[1]);
    let (der, filling) = octets.split_at_checked(length)?;
    if filling.iter().any(|octet| *octet != 0) {
        return None;
    }
    Signature::from_der(der).ok()
}

/// The CMAC of `octets` in the form of cards: its first eight octets.
pub(crate) fn cmac(key: &[u8; 16], octets: &[u8]) -> [u8; CMAC_LENGTH] {
    let mut mac = Cmac::<Aes128>::new(&Array(*key));
    mac.update(octets);
    let mut shown = [0; CMAC_LENGTH];
    shown.copy_from_slice(&mac.finalize().into_bytes()[..CMAC_LENGTH]);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_cmac_is_made_and_recognised() {
        // RFC 4493 section 4, example 2.
        let key = hex_array::<16>("2b7e151628aed2a6abf7158809cf4f3c");
        let message = hex_array::<16>("6bc1bee22e409f96e93d7e117393172a");
        let shown = cmac(&key, &message);
        assert_eq!(hex::encode(shown), "070a16b46b4d4144");
        assert!(CardKey::Cmac(key).verifies(&message, &Cryptogram::Cmac(shown)));
        let mut other = shown;
        other[7] ^= 1;
        assert!(!CardKey::Cmac(key).verifies(&message, &Cryptogram::Cmac(other)));
        assert!(!CardKey::Cmac([0; 16]).verifies(&message, &Cryptogram::Cmac(shown)));
    }

    #[test]
    fn the_published_signature_is_recognised_and_nothing_may_hang_on_it() {
        // RFC 6979 section A.2.5, P-256 with SHA-256, message "sample".
        let point = "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6\
                     7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
        let key = CardKey::ecdsa(&hex::decode(point).unwrap()).unwrap();
        let der = hex::decode(
            "3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716\
             022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
        )
        .unwrap();
        let shown: [u8; ECDSA_LENGTH] = der.try_into().unwrap();
        assert!(key.verifies(b"sample", &Cryptogram::Ecdsa(shown)));
        assert!(!key.verifies(b"Sample", &Cryptogram::Ecdsa(shown)));
        let mut longer = shown;
        longer[1] = 0xff;
        assert!(!key.verifies(b"sample", &Cryptogram::Ecdsa(longer)));
        assert!(CardKey::ecdsa(&[4; 65]).is_err());
        assert_eq!(CardKey::ecdsa(&key.to_bytes()).unwrap(), key);
    }

    fn hex_array<const N: usize>(text: &str) -> [u8; N] {
        hex::decode(text).unwrap().try_into().unwrap()
    }
}
