//! Who this role is for the provider: a client id, and a secret (RFC 6749 section 2.3.1) or a private key (RFC 7523).
//!
//! It sends nothing. A proof by key is made for one request, and is valid for a minute.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clock::{Entropy, Timestamp};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use serde_json::json;
use service_auth::{signing_input, with_signature};
use token_introspection::ClientProof;

/// How long a signed proof is valid, in seconds.
const ASSERTION_SECONDS: i64 = 60;

/// One role as a client of the provider.
#[derive(Clone, Debug)]
pub struct ClientIdentity {
    /// `client_id`.
    pub id: String,
    /// The proof.
    pub credential: Credential,
}

/// How a client proves its id.
#[derive(Clone)]
pub enum Credential {
    /// With a secret.
    Secret(String, SecretPlace),
    /// With a signature of its key (`private_key_jwt`).
    Key(Arc<ClientKey>),
}

/// Where the secret is in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretPlace {
    /// In the header `Authorization` (`client_secret_basic`).
    Header,
    /// In the form (`client_secret_post`).
    Form,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret(..) => "Secret(***)",
            Self::Key(_) => "Key(***)",
        })
    }
}

/// The private key of a client: Ed25519 or P-256.
pub struct ClientKey {
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
pub struct InvalidClientKey;

impl ClientKey {
    /// Reads a key in PKCS #8 PEM. The provider knows it by `key_id`.
    pub fn from_pem(pem: &str, key_id: Option<String>) -> Result<Self, InvalidClientKey> {
        let body = pem.trim().strip_prefix("-----BEGIN PRIVATE KEY-----").ok_or(InvalidClientKey)?;
        let body = body.strip_suffix("-----END PRIVATE KEY-----").ok_or(InvalidClientKey)?;
        let body: String = body.split_whitespace().collect();
        let der = STANDARD.decode(body).map_err(|_| InvalidClientKey)?;

        let pair = match Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der) {
            Ok(pair) => Pair::Ed25519(pair),
            Err(_) => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &SystemRandom::new())
                .map(Pair::P256)
                .map_err(|_| InvalidClientKey)?,
        };
        Ok(Self { pair, key_id })
    }

    fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Ed25519(_) => "EdDSA",
            Pair::P256(_) => "ES256",
        }
    }

    fn sign(&self, text: &str) -> Vec<u8> {
        match &self.pair {
            Pair::Ed25519(pair) => pair.sign(text.as_bytes()).as_ref().to_vec(),
            // It fails only if the system gives no random octets. The provider refuses the empty signature.
            Pair::P256(pair) => pair
                .sign(&SystemRandom::new(), text.as_bytes())
                .map_or(Vec::new(), |signature| signature.as_ref().to_vec()),
        }
    }
}

impl ClientIdentity {
    /// The proof for one request to the provider that is named `audience`.
    pub fn proof(&self, audience: &str, now: Timestamp, entropy: &dyn Entropy) -> ClientProof {
        match &self.credential {
            Credential::Secret(secret, SecretPlace::Header) => ClientProof::basic(&self.id, secret),
            Credential::Secret(secret, SecretPlace::Form) => {
                let form = vec![("client_id", self.id.clone()), ("client_secret", secret.clone())];
                ClientProof { authorization: None, form }
            }
            Credential::Key(key) => {
                let form = vec![
                    ("client_id", self.id.clone()),
                    ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned()),
                    ("client_assertion", self.assertion(key, audience, now, entropy)),
                ];
                ClientProof { authorization: None, form }
            }
        }
    }

    fn assertion(&self, key: &ClientKey, audience: &str, now: Timestamp, entropy: &dyn Entropy) -> String {
        let seconds = now.as_millis().div_euclid(1000);
        let mut header = json!({"alg": key.algorithm(), "typ": "JWT"});
        if let Some(key_id) = &key.key_id {
            header["kid"] = json!(key_id);
        }
        let claims = json!({
            "iss": self.id, "sub": self.id, "aud": audience, "jti": entropy.uuid().to_string(), "iat": seconds,
            "exp": seconds + ASSERTION_SECONDS,
        });
        let signed = signing_input(&header, &claims);
        with_signature(&signed, &key.sign(&signed))
    }
}
