//! Public keys in documents: one Ed25519 key as a JWK (RFC 8037), and sets of them.
//!
//! It has no private keys: a private member of a received JWK is dropped, never stored.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// An Ed25519 point that is canonical and not of small order. A signature with any other point proves nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// The key with these 32 octets (RFC 8032 section 5.1.5).
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, InvalidJwk> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| InvalidJwk::NotAPoint)?;
        let canonical = key.to_edwards().compress().to_bytes() == *bytes;
        if canonical && !key.is_weak() { Ok(Self(key)) } else { Err(InvalidJwk::NotAPoint) }
    }

    /// The key whose octets are `x`, the unpadded base64url form of a JWK's `x` member.
    pub fn from_base64url(x: &str) -> Result<Self, InvalidJwk> {
        let bytes = URL_SAFE_NO_PAD.decode(x.trim_end_matches('=')).map_err(|_| InvalidJwk::NotAPoint)?;
        Self::from_bytes(bytes.as_slice().try_into().map_err(|_| InvalidJwk::NotAPoint)?)
    }

    /// The octets in unpadded base64url.
    pub fn to_base64url(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.as_bytes())
    }

    /// The 32 octets.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Whether `signature` was made over `message` with the private half. A signature that is not canonical is refused.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.to_base64url())
    }
}

/// A public key with its name.
///
/// Written as `{"kid","x","alg":"EdDSA","kty":"OKP","crv":"Ed25519"}`. Reading refuses other key types, unusable points
/// and blank names, and ignores every further member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct Jwk {
    kid: String,
    key: PublicKey,
}

/// The members do not describe an Ed25519 key that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidJwk {
    /// `kid` is empty or white space.
    #[error("the kid of a key must not be blank")]
    BlankKeyId,
    /// `kty`, `crv`, `alg` or `use` name something else.
    #[error("only keys with kty OKP, crv Ed25519 and alg EdDSA for signatures are supported")]
    Unsupported,
    /// `x` is not 32 octets of a canonical point of large order.
    #[error("x must be a 32-byte Ed25519 public key in unpadded base64url")]
    NotAPoint,
}

impl Jwk {
    /// The key `key` under the name `kid`.
    pub fn new(kid: impl Into<String>, key: PublicKey) -> Result<Self, InvalidJwk> {
        let kid = kid.into();
        if kid.trim().is_empty() { Err(InvalidJwk::BlankKeyId) } else { Ok(Self { kid, key }) }
    }

    /// The name by which a signature's `keyid` refers to this key.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The key itself.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The SHA-256 thumbprint of the key in unpadded base64url (RFC 7638, RFC 8037 section 2). It does not depend on
    /// the key's name.
    pub fn thumbprint(&self) -> String {
        let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, self.key.to_base64url());
        URL_SAFE_NO_PAD.encode(Sha256::digest(members))
    }
}

#[derive(Serialize, Deserialize)]
struct Wire {
    kid: String,
    x: String,
    alg: String,
    kty: String,
    crv: String,
    #[serde(rename = "use", default, skip_serializing_if = "Option::is_none")]
    usage: Option<String>,
}

impl TryFrom<Wire> for Jwk {
    type Error = InvalidJwk;
    fn try_from(wire: Wire) -> Result<Self, Self::Error> {
        let supported = wire.kty == "OKP" && wire.crv == "Ed25519" && wire.alg == "EdDSA";
        if !supported || wire.usage.is_some_and(|usage| usage != "sig") {
            return Err(InvalidJwk::Unsupported);
        }
        Self::new(wire.kid, PublicKey::from_base64url(&wire.x)?)
    }
}

impl From<Jwk> for Wire {
    fn from(jwk: Jwk) -> Self {
        Self {
            x: jwk.key.to_base64url(),
            kid: jwk.kid,
            alg: "EdDSA".into(),
            kty: "OKP".into(),
            crv: "Ed25519".into(),
            usage: None,
        }
    }
}

/// The keys published by one client, `{"keys":[…]}`.
///
/// Reading keeps the usable keys and drops the others, so that one unknown key does not make a set unusable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct JwkSet {
    /// The usable keys in published order.
    pub keys: Vec<Jwk>,
}

impl JwkSet {
    /// The key of this name.
    pub fn get(&self, kid: &str) -> Option<&Jwk> {
        self.keys.iter().find(|key| key.kid == kid)
    }
}

impl<'de> Deserialize<'de> for JwkSet {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Lenient {
            keys: Vec<serde_json::Value>,
        }
        let lenient = Lenient::deserialize(deserializer)?;
        Ok(Self { keys: lenient.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    #[test]
    fn a_key_is_written_with_the_members_the_specification_names_and_no_use() {
        let jwk = Jwk::new("key-a", PublicKey::from_base64url(X).unwrap()).unwrap();
        let written = serde_json::to_string(&jwk).unwrap();
        assert_eq!(written, format!(r#"{{"kid":"key-a","x":"{X}","alg":"EdDSA","kty":"OKP","crv":"Ed25519"}}"#));
        assert_eq!(serde_json::from_str::<Jwk>(&written).unwrap(), jwk);
    }

    #[test]
    fn the_thumbprint_is_that_of_rfc_8037_appendix_a_3() {
        let jwk = Jwk::new("any", PublicKey::from_base64url(X).unwrap()).unwrap();
        assert_eq!(jwk.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn points_of_small_order_and_non_canonical_encodings_are_refused() {
        let mut neutral = [0; 32];
        neutral[0] = 1;
        // y = p + 1 encodes the neutral element a second time.
        let mut non_canonical = [0xff; 32];
        non_canonical[0] = 0xee;
        non_canonical[31] = 0x7f;
        // y = p + 3 is a second encoding of the point with y = 3.
        let mut second_encoding = non_canonical;
        second_encoding[0] = 0xf0;
        let mut first_encoding = [0; 32];
        first_encoding[0] = 3;
        assert!(PublicKey::from_bytes(&first_encoding).is_ok());
        for refused in [[0; 32], neutral, non_canonical, second_encoding] {
            assert_eq!(PublicKey::from_bytes(&refused), Err(InvalidJwk::NotAPoint), "{}", hex::encode(refused));
        }
    }

    #[test]
    fn a_set_keeps_its_usable_keys_and_drops_private_members() {
        let set: JwkSet = serde_json::from_str(&format!(
            r#"{{"keys":[{{"kty":"RSA","kid":"r","n":"1"}},7,
                {{"kid":"key-a","x":"{X}","d":"secret","alg":"EdDSA","kty":"OKP","crv":"Ed25519","use":"sig"}},
                {{"kid":" ","x":"{X}","alg":"EdDSA","kty":"OKP","crv":"Ed25519"}}]}}"#
        ))
        .unwrap();
        assert_eq!(set.keys.len(), 1);
        assert!(set.get("key-a").is_some());
        assert!(!serde_json::to_string(&set).unwrap().contains("secret"));
    }
}
