//! Private keys, and signing a request the way the official client does (RFC 9421 section 3.1).
//!
//! It does not store keys: text goes in, a key comes out, and nothing prints it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clock::Timestamp;
use ed25519_dalek::Signer as _;
use ed25519_dalek::pkcs8::DecodePrivateKey;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, InvalidHeaderValue};
use http::{HeaderMap, HeaderValue};
use sfv::StringRef;

use crate::base::signature_base;
use crate::components::Component;
use crate::digest::content_digest;
use crate::jwk::{InvalidJwk, Jwk, PublicKey};
use crate::request::SignedRequest;

/// An Ed25519 private key. It is wiped from memory when it is dropped, and never shown.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

/// The text is not an Ed25519 private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a private key must be an Ed25519 key in PKCS#8 PEM (BEGIN PRIVATE KEY), or base64 of that text")]
pub struct InvalidPrivateKey;

impl SigningKey {
    /// The key with this 32-byte seed (RFC 8032 section 5.1.5).
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// Makes a new random key.
    pub fn random(entropy: &dyn clock::Entropy) -> Self {
        Self::from_seed(&entropy.bytes())
    }

    /// The key in a PKCS#8 PEM text, or in the base64 form of such a text.
    pub fn from_text(text: &str) -> Result<Self, InvalidPrivateKey> {
        let text = text.trim();
        if text.starts_with("-----BEGIN") {
            return Self::from_pem(text);
        }
        let unwrapped: String = text.split_ascii_whitespace().collect();
        let decoded = STANDARD.decode(unwrapped).map_err(|_| InvalidPrivateKey)?;
        Self::from_pem(std::str::from_utf8(&decoded).map_err(|_| InvalidPrivateKey)?.trim())
    }

    fn from_pem(pem: &str) -> Result<Self, InvalidPrivateKey> {
        ed25519_dalek::SigningKey::from_pkcs8_pem(pem).map(Self).map_err(|_| InvalidPrivateKey)
    }

    /// The key as PKCS#8 PEM, for writing a new key to its file.
    pub fn to_pem(&self) -> String {
        const PREFIX: [u8; 16] =
            [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
        let der = [PREFIX.as_slice(), self.0.as_bytes()].concat();
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der))
    }

    /// The public half.
    pub fn public_key(&self) -> Result<PublicKey, InvalidJwk> {
        PublicKey::from_bytes(self.0.verifying_key().as_bytes())
    }

    /// The signature of `message` (RFC 8032 section 5.1.6).
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

/// A private key with the name under which its public half is published.
#[derive(Clone, Debug)]
pub struct Signer {
    key: SigningKey,
    jwk: Jwk,
}

/// The name cannot be written into a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key id must be printable ASCII text without quotes and backslashes, and not blank")]
pub struct InvalidKeyId;

/// Why a request could not be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// A header to be covered cannot be written.
    #[error("a header to be signed is not acceptable")]
    Header(#[from] InvalidHeaderValue),
}

impl Signer {
    /// Signs with `key` under the name `key_id`.
    pub fn new(key: SigningKey, key_id: &str) -> Result<Self, InvalidKeyId> {
        // Quotes would need escapes, which the parsers of other implementations do not undo.
        if StringRef::from_str(key_id).is_err() || key_id.contains(['"', '\\']) {
            return Err(InvalidKeyId);
        }
        let jwk = key.public_key().and_then(|public| Jwk::new(key_id, public)).map_err(|_| InvalidKeyId)?;
        Ok(Self { key, jwk })
    }

    /// The public half as published.
    pub fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// As [`Signer::sign`], with a nonce, so that no other signature is equal (RFC 9421 section 2.3).
    ///
    /// `nonce` must be printable ASCII without quotes and backslashes.
    pub fn sign_once(
        &self,
        method: &str,
        target_uri: &str,
        headers: &mut HeaderMap,
        body: &[u8],
        created: Timestamp,
        nonce: &str,
    ) -> Result<(), SignError> {
        self.sign_with(method, target_uri, headers, body, &format!(";created={};nonce=\"{nonce}\"", created.as_secs()))
    }

    /// Adds `Signature` and `Signature-Input` to `headers`, and with a body also its digest, length and type.
    ///
    /// `target_uri` is the absolute URL exactly as called. A body should be compact JSON: verifiers of the original
    /// digest its compact form, not its octets. An `Authorization` header must be there before.
    pub fn sign(
        &self,
        method: &str,
        target_uri: &str,
        headers: &mut HeaderMap,
        body: &[u8],
        created: Timestamp,
    ) -> Result<(), SignError> {
        self.sign_with(method, target_uri, headers, body, &format!(";created={}", created.as_secs()))
    }

    fn sign_with(
        &self,
        method: &str,
        target_uri: &str,
        headers: &mut HeaderMap,
        body: &[u8],
        when: &str,
    ) -> Result<(), SignError> {
        let mut components = vec![Component::Method, Component::TargetUri];
        if headers.contains_key(AUTHORIZATION) {
            components.push(Component::Field(AUTHORIZATION));
        }
        if !body.is_empty() {
            let digest_name = HeaderName::from_static("content-digest");
            headers.insert(digest_name.clone(), content_digest(body).try_into()?);
            headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
            headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
            components.extend([digest_name, CONTENT_LENGTH, CONTENT_TYPE].map(Component::Field));
        }

        let params = self.parameters(&components, when);
        let request = SignedRequest { method, target_uri, headers, body };
        // Every covered header was put there above, so the base is complete.
        let base = signature_base(&request, &components, &params).unwrap_or_default();
        let signature = STANDARD.encode(self.key.sign(&base));
        headers.insert("signature-input", format!("sig1={params}").try_into()?);
        headers.insert("signature", format!("sig1=:{signature}:").try_into()?);
        Ok(())
    }

    fn parameters(&self, components: &[Component], when: &str) -> String {
        let names: Vec<String> = components.iter().map(|component| format!("\"{component}\"")).collect();
        format!("({});keyid=\"{}\"{when}", names.join(" "), self.jwk.kid())
    }
}
