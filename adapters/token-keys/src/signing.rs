//! A private key that signs tokens (RFC 7515): Ed25519 (RFC 8037) or P-256 (RFC 7518), and its public half (RFC 7517).
//!
//! It does not say what is in a token.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use service_auth::{signing_input, with_signature};

/// The private key.
pub struct SigningKey {
    pair: Pair,
    key_id: Option<String>,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

/// The text is no private key that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it holds no Ed25519 or P-256 private key in PKCS #8 PEM; make one with `openssl genpkey -algorithm ed25519`, or \
     `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`"
)]
pub struct InvalidKey;

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// Reads a key in PKCS #8 PEM. Others know it by `key_id`.
    pub fn from_pem(pem: &str, key_id: Option<String>) -> Result<Self, InvalidKey> {
        let body = pem.trim().strip_prefix("-----BEGIN PRIVATE KEY-----").ok_or(InvalidKey)?;
        let body = body.strip_suffix("-----END PRIVATE KEY-----").ok_or(InvalidKey)?;
        let body: String = body.split_whitespace().collect();
        let der = STANDARD.decode(body).map_err(|_| InvalidKey)?;

        let pair = match Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der) {
            Ok(pair) => Pair::Ed25519(pair),
            Err(_) => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &SystemRandom::new())
                .map(Pair::P256)
                .map_err(|_| InvalidKey)?,
        };
        Ok(Self { pair, key_id })
    }

    /// The name by which others know it, if one was given.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The same key with the thumbprint of its public half as its name (RFC 7638).
    pub fn named_by_thumbprint(self) -> Self {
        let members = self.public_members();
        let sorted: std::collections::BTreeMap<_, _> = members.iter().map(|(name, value)| (*name, value)).collect();
        let text = serde_json::to_string(&sorted).unwrap_or_default();
        let key_id = URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()));
        Self { key_id: Some(key_id), ..self }
    }

    fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Ed25519(_) => "EdDSA",
            Pair::P256(_) => "ES256",
        }
    }

    /// The members of its public half that are always there.
    fn public_members(&self) -> Vec<(&'static str, String)> {
        let encoded = |octets: &[u8]| URL_SAFE_NO_PAD.encode(octets);
        match &self.pair {
            Pair::Ed25519(pair) => vec![
                ("kty", "OKP".to_owned()),
                ("crv", "Ed25519".to_owned()),
                ("x", encoded(pair.public_key().as_ref())),
            ],
            Pair::P256(pair) => {
                // An uncompressed point (RFC 5480 section 2.2): one octet, and both coordinates.
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                let (kty, crv) = ("EC".to_owned(), "P-256".to_owned());
                vec![("kty", kty), ("crv", crv), ("x", encoded(x)), ("y", encoded(y))]
            }
        }
    }

    /// Its public half, for a set of keys.
    pub fn public_jwk(&self) -> Value {
        let mut jwk = json!({"use": "sig", "alg": self.algorithm()});
        for (name, value) in self.public_members() {
            jwk[name] = json!(value);
        }
        if let Some(key_id) = &self.key_id {
            jwk["kid"] = json!(key_id);
        }
        jwk
    }

    /// A signed token of the type `typ` with these claims.
    pub fn sign(&self, typ: &str, claims: &Value) -> String {
        let mut header = json!({"alg": self.algorithm(), "typ": typ});
        if let Some(key_id) = &self.key_id {
            header["kid"] = json!(key_id);
        }
        let signed = signing_input(&header, claims);
        with_signature(&signed, &self.signature(&signed))
    }

    fn signature(&self, text: &str) -> Vec<u8> {
        match &self.pair {
            Pair::Ed25519(pair) => pair.sign(text.as_bytes()).as_ref().to_vec(),
            // It fails only if the system gives no random octets. Everybody refuses the empty signature.
            Pair::P256(pair) => pair
                .sign(&SystemRandom::new(), text.as_bytes())
                .map_or(Vec::new(), |signature| signature.as_ref().to_vec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use service_auth::Jws;

    use super::*;
    use crate::{KeySet, Verdict};

    fn pem(der: &[u8]) -> String {
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der))
    }

    #[test]
    fn what_a_key_signs_is_verified_with_its_public_half_and_with_no_other() {
        let random = SystemRandom::new();
        let ed25519 = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let p256 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let keys = [ed25519.as_ref(), p256.as_ref()]
            .map(|der| SigningKey::from_pem(&pem(der), None).unwrap().named_by_thumbprint());
        assert_ne!(keys[0].key_id(), keys[1].key_id());
        for (own, other) in [(&keys[0], &keys[1]), (&keys[1], &keys[0])] {
            let token = own.sign("at+jwt", &json!({"sub": "a"}));
            let jws = Jws::read(&token).unwrap();
            assert_eq!(jws.header.typ.as_deref(), Some("at+jwt"));
            let set = |keys: &[&SigningKey]| {
                let keys: Vec<Value> = keys.iter().map(|key| key.public_jwk()).collect();
                serde_json::from_value::<KeySet>(json!({"keys": keys})).unwrap()
            };
            assert_eq!(set(&[other, own]).judge(&jws), Verdict::Good);
            assert_eq!(set(&[other]).judge(&jws), Verdict::UnknownKey);
        }
        for text in ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"] {
            assert_eq!(SigningKey::from_pem(text, None).unwrap_err(), InvalidKey);
        }
    }

    #[test]
    fn the_name_of_a_key_is_its_thumbprint_as_the_standard_computes_it() {
        // RFC 8037, appendix A.1 to A.3.
        let seed = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        let key = SigningKey { pair: Pair::Ed25519(pair), key_id: None }.named_by_thumbprint();
        assert_eq!(key.key_id(), Some("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"));
    }
}
