//! The public keys of passkeys, in the form of COSE (RFC 9052 section 7, RFC 9053, RFC 8230 section 4).
//!
//! Signatures are verified by `ring`.

use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};

use super::Refusal;
use super::cbor::{self, Map};

const ES256: i64 = -7;
const ED_DSA: i64 = -8;
const RS256: i64 = -257;

/// The kinds of keys that authenticators are asked for, the best first. Windows makes RS256 with many older chips.
pub(crate) const ALGORITHMS: [i64; 3] = [ES256, ED_DSA, RS256];

// Labels of a key, and values of some of them.
const KIND: i64 = 1;
const ALGORITHM: i64 = 3;
const CURVE_OR_MODULUS: i64 = -1;
const X_OR_EXPONENT: i64 = -2;
const Y: i64 = -3;
const OKP: i64 = 1;
const EC2: i64 = 2;
const RSA: i64 = 3;
const P256: i64 = 1;
const CURVE25519: i64 = 6;

/// A key of a kind that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PublicKey {
    /// An uncompressed point (SEC1 section 2.3.3).
    Es256(Vec<u8>),
    EdDsa(Vec<u8>),
    Rs256 {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
}

impl PublicKey {
    pub(super) fn read(cose: &[u8]) -> Result<Self, Refusal> {
        let (key, rest) = cbor::item(cose)?;
        if !rest.is_empty() {
            return Err(Refusal::Unreadable);
        }
        let key = Map::of(key)?;
        let kind = |kind: i64, curve: Option<i64>| {
            let fits = curve.is_none_or(|curve| key.integer(CURVE_OR_MODULUS) == Some(curve));
            if key.integer(KIND) == Some(kind) && fits { Ok(()) } else { Err(Refusal::Algorithm) }
        };
        let coordinate = |label: i64| key.octets(label).filter(|octets| octets.len() == 32).ok_or(Refusal::Unreadable);
        match key.integer(ALGORITHM) {
            Some(ES256) => {
                kind(EC2, Some(P256))?;
                Ok(Self::Es256([&[4], coordinate(X_OR_EXPONENT)?, coordinate(Y)?].concat()))
            }
            Some(ED_DSA) => {
                kind(OKP, Some(CURVE25519))?;
                Ok(Self::EdDsa(coordinate(X_OR_EXPONENT)?.to_vec()))
            }
            Some(RS256) => {
                kind(RSA, None)?;
                let octets = |label: i64| key.octets(label).map(<[u8]>::to_vec).ok_or(Refusal::Unreadable);
                let (modulus, exponent) = (octets(CURVE_OR_MODULUS)?, octets(X_OR_EXPONENT)?);
                // What is shorter is not verified later.
                if modulus.len() < 256 || exponent.is_empty() {
                    Err(Refusal::Algorithm)
                } else {
                    Ok(Self::Rs256 { modulus, exponent })
                }
            }
            _ => Err(Refusal::Algorithm),
        }
    }

    pub(super) fn algorithm(&self) -> i64 {
        match self {
            Self::Es256(_) => ES256,
            Self::EdDsa(_) => ED_DSA,
            Self::Rs256 { .. } => RS256,
        }
    }

    /// Whether this key made the signature (webauthn-3 section 6.5.5).
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Es256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(message, signature).is_ok()
            }
            Self::EdDsa(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature).is_ok(),
            Self::Rs256 { modulus, exponent } => RsaPublicKeyComponents { n: modulus, e: exponent }
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok(),
        }
    }
}
