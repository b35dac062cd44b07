//! Verifies that a request was signed by a key: coverage, digest, age, signature (RFC 9421 section 3.2).
//!
//! There are two steps, because the key is found by the `keyid` of a request whose headers are already checked. It does
//! not store requests: used nonces are stored elsewhere, see [`Verified::nonce_name`].

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::time::Duration;

use clock::Timestamp;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue};

use crate::base::{redacted_base, signature_base};
use crate::components::Component;
use crate::digest::{self, DigestError};
use crate::input::{InputError, SignatureInput, parse_signature};
use crate::jwk::Jwk;
use crate::request::SignedRequest;

const SIGNATURE: HeaderName = HeaderName::from_static("signature");
const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");

/// The allowed ages of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// The largest age of `created`; zero turns off all checks of time.
    pub max_age: Duration,
    /// The most that a client's clock may be ahead.
    pub clock_skew: Duration,
}

impl Default for Freshness {
    fn default() -> Self {
        Self { max_age: Duration::from_mins(5), clock_skew: Duration::from_mins(1) }
    }
}

/// Why the headers of a request are not a usable signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// No `Signature` or `Signature-Input` header, or one that is not text.
    #[error("the headers Signature and Signature-Input must be sent")]
    Missing,
    /// `Signature-Input` cannot be parsed, or it is not clear which of its members is the client's.
    #[error("Signature-Input must have the form sig1=(\"@method\" \"@target-uri\" …);keyid=\"…\";created=…")]
    Malformed,
    /// A component is unknown, parametrised, not in lower case or listed twice.
    #[error("Signature-Input lists an unsupported, upper-case or repeated component")]
    Component,
    /// A component that must be signed is not signed.
    #[error("the signature must cover {0}")]
    NotCovered(&'static str),
    /// A covered header is missing.
    #[error("the signature covers the header {0}, which is absent")]
    Absent(String),
    /// `Content-Length` is not the received length.
    #[error("Content-Length differs from the length of the body received")]
    Length,
    /// The digest is of another body.
    #[error(transparent)]
    Digest(#[from] DigestError),
}

impl From<InputError> for HeaderError {
    fn from(error: InputError) -> Self {
        match error {
            InputError::Label | InputError::Malformed => Self::Malformed,
            InputError::Component => Self::Component,
        }
    }
}

/// Why a request was not signed by a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The headers cannot be used.
    #[error(transparent)]
    Headers(#[from] HeaderError),
    /// The signature names no key or another key.
    #[error("the signature's keyid differs from the kid of the key")]
    KeyId,
    /// The signature names another algorithm.
    #[error("the signature's alg must be ed25519")]
    Algorithm,
    /// There is no `created` parameter.
    #[error("the signature must say when it was created")]
    NoCreated,
    /// `created` is too long ago or `expires` has passed.
    #[error("the signature has expired; check the clock and sign again")]
    Expired,
    /// `created` is in the future.
    #[error("the signature was created in the future; check the clock")]
    NotYet,
    /// The signature is not from this key over this request.
    #[error("the signature does not match the request")]
    Signature,
}

/// The data of a verified signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The name of the key.
    pub key_id: String,
    /// A text that the client uses only once.
    pub nonce: Option<String>,
}

/// A request with checked signature headers. The signature itself is not verified yet.
#[derive(Clone, Debug)]
pub struct CheckedRequest<'a> {
    request: SignedRequest<'a>,
    input: SignatureInput,
}

/// The header in which a gateway names a request. `docs/authorization.md` says what a gateway has to do.
const GATEWAY_REQUEST: HeaderName = HeaderName::from_static("rafiki-gateway-request");
/// How many octets such a name has. Nobody guesses one.
const GATEWAY_NAME: RangeInclusive<usize> = 32..=64;

/// The `keyid` of a request, without any other check.
pub fn key_id(headers: &HeaderMap) -> Option<String> {
    SignatureInput::parse(&joined(headers, &SIGNATURE_INPUT)?).ok()?.parameters.key_id
}

/// Checks headers and signature of `request` at once.
pub fn verify(
    request: SignedRequest<'_>,
    key: &Jwk,
    freshness: Freshness,
    now: Timestamp,
) -> Result<Verified, VerifyError> {
    request.check_headers()?.verify(key, freshness, now)
}

impl<'a> SignedRequest<'a> {
    /// Checks everything that needs no key: both headers can be read, enough is covered, and digest and length of the
    /// body are right.
    pub fn check_headers(self) -> Result<CheckedRequest<'a>, HeaderError> {
        let headers = self.headers;
        if joined(headers, &SIGNATURE).is_none() {
            return Err(HeaderError::Missing);
        }
        let input = SignatureInput::parse(&joined(headers, &SIGNATURE_INPUT).ok_or(HeaderError::Missing)?)?;
        self.check_coverage(&input)?;
        if let Some(absent) =
            input.components.iter().find(|c| matches!(c, Component::Field(f) if !headers.contains_key(f)))
        {
            return Err(HeaderError::Absent(absent.to_string()));
        }
        if input.covers(&Component::Field(CONTENT_DIGEST)) {
            self.check_content()?;
        }
        if input.covers(&Component::Field(CONTENT_LENGTH)) {
            self.check_length()?;
        }
        Ok(CheckedRequest { request: self, input })
    }

    fn check_coverage(&self, input: &SignatureInput) -> Result<(), HeaderError> {
        let required = [
            (true, Component::Method, "@method"),
            (true, Component::TargetUri, "@target-uri"),
            (self.headers.contains_key(AUTHORIZATION), Component::Field(AUTHORIZATION), "authorization"),
            (!self.body.is_empty(), Component::Field(CONTENT_DIGEST), "content-digest"),
        ];
        match required.into_iter().find(|(needed, component, _)| *needed && !input.covers(component)) {
            Some((.., name)) => Err(HeaderError::NotCovered(name)),
            None => Ok(()),
        }
    }

    fn check_content(&self) -> Result<(), HeaderError> {
        for needed in [CONTENT_LENGTH, CONTENT_TYPE] {
            if !self.headers.contains_key(&needed) {
                return Err(HeaderError::Absent(needed.to_string()));
            }
        }
        let digests: Vec<&[u8]> = self.headers.get_all(CONTENT_DIGEST).iter().map(HeaderValue::as_bytes).collect();
        Ok(digest::check(&digests.join(b", ".as_slice()), self.body)?)
    }

    fn check_length(&self) -> Result<(), HeaderError> {
        let announced = sole_text(self.headers, &CONTENT_LENGTH).and_then(|text| text.trim().parse::<usize>().ok());
        if announced == Some(self.body.len()) { Ok(()) } else { Err(HeaderError::Length) }
    }
}

impl CheckedRequest<'_> {
    /// The key that the signature names.
    pub fn key_id(&self) -> Option<&str> {
        self.input.parameters.key_id.as_deref()
    }

    /// How the gateway in front of this process names the request, if it does. A gateway names each request of a client
    /// anew. If a process does not answer, it sends the request to another one with the same name.
    pub fn gateway_request(&self) -> Option<&[u8]> {
        let name = self.request.headers.get(GATEWAY_REQUEST)?.as_bytes();
        GATEWAY_NAME.contains(&name.len()).then_some(name)
    }

    /// The signed text from our side's view, without the token. It is for a log that helps to find a wrong scheme or
    /// host.
    pub fn redacted_base(&self) -> String {
        redacted_base(&self.request, &self.input.components, &self.input.raw)
    }

    /// Checks that `key` made this signature, and that it is not too old.
    pub fn verify(&self, key: &Jwk, freshness: Freshness, now: Timestamp) -> Result<Verified, VerifyError> {
        let parameters = &self.input.parameters;
        let key_id = self.key_id().filter(|id| *id == key.kid()).ok_or(VerifyError::KeyId)?;
        if parameters.alg.as_deref().is_some_and(|alg| alg != "ed25519") {
            return Err(VerifyError::Algorithm);
        }
        self.check_freshness(freshness, now)?;
        let signature = joined(self.request.headers, &SIGNATURE);
        let signature = signature.and_then(|header| parse_signature(&header, &self.input.label));
        let signature = signature.ok_or(VerifyError::Signature)?;
        if !self.signed_by(key, &signature) {
            return Err(VerifyError::Signature);
        }
        Ok(Verified { key_id: key_id.to_owned(), nonce: parameters.nonce.clone() })
    }

    fn signed_by(&self, key: &Jwk, signature: &[u8; 64]) -> bool {
        let texts = [Some(&self.input.raw), self.input.canonical.as_ref()];
        texts.into_iter().flatten().any(|params| {
            signature_base(&self.request, &self.input.components, params)
                .is_some_and(|base| key.key().verifies(&base, signature))
        })
    }

    fn check_freshness(&self, freshness: Freshness, now: Timestamp) -> Result<(), VerifyError> {
        if freshness.max_age.is_zero() {
            return Ok(());
        }
        let instant = |seconds: i64| Timestamp::from_millis(seconds.saturating_mul(1000));
        let created = instant(self.input.parameters.created.ok_or(VerifyError::NoCreated)?);
        if created > now + freshness.clock_skew {
            return Err(VerifyError::NotYet);
        }
        let expires = self.input.parameters.expires.map(instant);
        if created + freshness.max_age < now || expires.is_some_and(|expires| expires <= now) {
            return Err(VerifyError::Expired);
        }
        Ok(())
    }
}

/// All lines of a header as the one they are equal to (RFC 9110 section 5.3).
fn joined<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Cow<'a, str>> {
    let lines = headers.get_all(name).iter().map(HeaderValue::to_str).collect::<Result<Vec<_>, _>>().ok()?;
    match lines.as_slice() {
        [] => None,
        [line] => Some(Cow::Borrowed(line)),
        lines => Some(Cow::Owned(lines.join(", "))),
    }
}

fn sole_text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}
