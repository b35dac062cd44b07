//! The provider's public keys (RFC 7517), and the check of a token's signature with them.
//! Claims are judged elsewhere.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clock::{Clock, Timestamp};
use outbound_http::Request;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde::Deserialize;
use service_auth::Jws;
use tokio::sync::Mutex;

use crate::provider::{Provider, ProviderError};

/// How long keys are used before they are fetched again.
const LIFE: Duration = Duration::from_mins(10);
/// Tokens with unknown keys cause a fetch this often.
const REFRESH: Duration = Duration::from_secs(30);
/// After a failure, the provider is not asked for this time.
const MOMENT: Duration = Duration::from_secs(1);
/// The time that the provider has to answer.
const DEADLINE: Duration = Duration::from_secs(2);
/// The most keys.
const KEYS_MAX: usize = 64;

/// The keys of one provider.
#[derive(Debug)]
pub(crate) struct Keys {
    provider: Provider,
    clock: Arc<dyn Clock>,
    cached: Mutex<Cached>,
}

#[derive(Debug, Default)]
struct Cached {
    keys: Vec<Arc<Key>>,
    fetched_at: Option<Timestamp>,
    tried_at: Option<Timestamp>,
}

#[derive(Debug)]
struct Key {
    id: Option<String>,
    algorithm: Option<String>,
    public: Public,
}

#[derive(Debug)]
enum Public {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    r#use: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// Why a signature is not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignatureFault {
    /// The keys are not known, because the provider does not answer.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// No key of the provider has made it.
    #[error("no key of the provider has signed the token")]
    Invalid,
}

impl Keys {
    pub(crate) fn new(provider: Provider, clock: Arc<dyn Clock>) -> Self {
        Self { provider, clock, cached: Mutex::default() }
    }

    /// Whether a key of the provider has signed the token.
    pub(crate) async fn verify(&self, token: &Jws<'_>) -> Result<(), SignatureFault> {
        let fitting = self.fitting(token).await?;
        if fitting.iter().any(|key| key.has_signed(token)) { Ok(()) } else { Err(SignatureFault::Invalid) }
    }

    /// The keys that may have signed it. An unknown name of a key causes a fetch, but seldom.
    async fn fitting(&self, token: &Jws<'_>) -> Result<Vec<Arc<Key>>, ProviderError> {
        let mut cached = self.cached.lock().await;
        let now = self.clock.now();
        let find =
            |cached: &Cached| -> Vec<Arc<Key>> { cached.keys.iter().filter(|key| key.fits(token)).cloned().collect() };
        let found = find(&cached);
        let is_fresh = cached.fetched_at.is_some_and(|at| now < at + LIFE);
        let tried_recently = cached.tried_at.is_some_and(|at| now < at + REFRESH);
        if is_fresh && (!found.is_empty() || tried_recently) {
            return Ok(found);
        }
        // While the provider does not answer, callers do not wait for it one after the other.
        if !is_fresh && cached.tried_at.is_some_and(|at| now < at + MOMENT) {
            return Err(ProviderError::NoAnswer("its keys were asked for a moment ago".to_owned()));
        }
        cached.tried_at = Some(now);
        let keys = self.fetch().await?;
        *cached = Cached { keys, fetched_at: Some(now), tried_at: Some(now) };
        Ok(find(&cached))
    }

    async fn fetch(&self) -> Result<Vec<Arc<Key>>, ProviderError> {
        let url = self.provider.keys_url().await?;
        let answer = self.provider.http().send(Request::get(url).deadline(DEADLINE).configured()).await;
        let answer = answer.map_err(|error| ProviderError::NoAnswer(error.to_string()))?;
        if answer.status.as_u16() != 200 {
            return Err(ProviderError::NoAnswer(format!("its keys: status {}", answer.status)));
        }
        let document: Document = answer.json().map_err(|error| ProviderError::Unusable(error.to_string()))?;
        // Keys of other kinds are left out.
        let keys =
            document.keys.into_iter().take(KEYS_MAX).filter_map(|key| Key::read(serde_json::from_value(key).ok()?));
        Ok(keys.map(Arc::new).collect())
    }
}

impl Key {
    fn read(jwk: Jwk) -> Option<Self> {
        if jwk.r#use.as_deref().is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let octets = |part: Option<String>| URL_SAFE_NO_PAD.decode(part?).ok();
        let public = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => Public::Rsa { n: octets(jwk.n)?, e: octets(jwk.e)? },
            ("EC", Some("P-256")) => {
                let (x, y) = (octets(jwk.x)?, octets(jwk.y)?);
                Public::P256([&[4], x.as_slice(), y.as_slice()].concat())
            }
            ("OKP", Some("Ed25519")) => Public::Ed25519(octets(jwk.x)?),
            _ => return None,
        };
        Some(Self { id: jwk.kid, algorithm: jwk.alg, public })
    }

    fn fits(&self, token: &Jws<'_>) -> bool {
        let algorithm = token.header.alg.as_str();
        let same_name = token.header.kid.as_ref().is_none_or(|name| self.id.as_ref() == Some(name));
        same_name && self.algorithm.as_deref().is_none_or(|own| own == algorithm) && self.knows(algorithm)
    }

    /// The accepted algorithms. `none` and those with shared secrets are not among them.
    fn knows(&self, algorithm: &str) -> bool {
        match self.public {
            Public::Rsa { .. } => matches!(algorithm, "RS256" | "PS256"),
            Public::P256(_) => algorithm == "ES256",
            Public::Ed25519(_) => algorithm == "EdDSA",
        }
    }

    fn has_signed(&self, token: &Jws<'_>) -> bool {
        let (text, signature) = (token.signed.as_bytes(), token.signature.as_slice());
        let verified = match &self.public {
            Public::Rsa { n, e } => {
                let padding =
                    if token.header.alg == "PS256" { &RSA_PSS_2048_8192_SHA256 } else { &RSA_PKCS1_2048_8192_SHA256 };
                RsaPublicKeyComponents { n, e }.verify(padding, text, signature)
            }
            Public::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(text, signature),
            Public::Ed25519(x) => UnparsedPublicKey::new(&ED25519, x).verify(text, signature),
        };
        verified.is_ok()
    }
}
