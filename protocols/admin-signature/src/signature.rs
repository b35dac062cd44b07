//! Makes, reads and verifies the header: an HMAC with SHA-256 (RFC 2104) over the canonical body.
//!
//! It does not store used signatures. Only the one spelling that signers write is accepted. Otherwise a captured header
//! could be sent again in another spelling, and a store of used headers would not recognise it.

use std::fmt::Write as _;
use std::time::Duration;

use clock::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// Octets of a digest.
const DIGEST: usize = 32;
/// The most digits of a time in milliseconds: those of the largest 64-bit integer.
const DIGITS_MAX: usize = 19;

/// Why a signature was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The header is not `t=<ms>, v<version>=<64 hex digits>`.
    #[error("the signature must be t=<milliseconds>, v<version>=<64 lower-case hex digits> and nothing else")]
    Malformed,
    /// The version is not the agreed one.
    #[error("the version of the signature differs from the configured one")]
    OtherVersion,
    /// The time is too old, or too far in the future.
    #[error("the signature's time is too far from now; compare the clocks")]
    Stale,
    /// The digest does not match the secret and the body.
    #[error("the signature does not fit the body and the shared secret")]
    Mismatch,
}

/// The text of a JSON value in the form of RFC 8785.
pub fn canonical(value: &Value) -> String {
    // Every `Value` has a canonical form; the library's error is about types that are not JSON.
    serde_json_canonicalizer::to_string(value).unwrap_or_default()
}

/// The header value for `canonical_body`, signed at `now`.
pub fn sign(secret: &str, version: u32, now: Timestamp, canonical_body: &str) -> String {
    let digest = mac(secret, now, canonical_body).finalize().into_bytes();
    format!("t={}, v{version}={}", now.as_millis(), hex(&digest))
}

/// A parsed header. [`Signature::verify`] checks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    signed_at: Timestamp,
    digest: [u8; DIGEST],
}

impl Signature {
    /// Reads `t=<digits>, v<version>=<64 lower-case hex digits>`, without another blank, sign, leading zero or member.
    pub fn parse(header: &str, version: u32) -> Result<Self, SignatureError> {
        let parts = header.strip_prefix("t=").and_then(|rest| rest.split_once(", v"));
        let (time, labelled) = parts.ok_or(SignatureError::Malformed)?;
        let (claimed, digest) = labelled.split_once('=').ok_or(SignatureError::Malformed)?;
        let time = integer(time).ok_or(SignatureError::Malformed)?;
        let claimed = integer(claimed).ok_or(SignatureError::Malformed)?;
        let digest = digest_of(digest).ok_or(SignatureError::Malformed)?;
        if claimed != i64::from(version) {
            return Err(SignatureError::OtherVersion);
        }
        Ok(Self { signed_at: Timestamp::from_millis(time), digest })
    }

    /// Checks time and digest. The digest is compared in constant time. `tolerance` is the largest difference between
    /// the time and `now`, in both directions.
    pub fn verify(
        &self,
        secret: &str,
        now: Timestamp,
        tolerance: Duration,
        canonical_body: &str,
    ) -> Result<(), SignatureError> {
        let distance = now.saturating_since(self.signed_at).max(self.signed_at.saturating_since(now));
        if distance > tolerance {
            return Err(SignatureError::Stale);
        }
        mac(secret, self.signed_at, canonical_body).verify_slice(&self.digest).map_err(|_| SignatureError::Mismatch)
    }

    /// The name of the signature for the store of used signatures. It is equal only for the same time and digest.
    pub fn name(&self) -> String {
        format!("{}:{}", self.signed_at.as_millis(), hex(&self.digest))
    }
}

/// A decimal without sign and without leading zeros.
fn integer(text: &str) -> Option<i64> {
    let digits = (1..=DIGITS_MAX).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit());
    let plain = text == "0" || !text.starts_with('0');
    if digits && plain { text.parse().ok() } else { None }
}

fn digest_of(text: &str) -> Option<[u8; DIGEST]> {
    let nibble = |octet: u8| match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'a'..=b'f' => Some(octet - b'a' + 10),
        _ => None,
    };
    let mut digest = [0; DIGEST];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != DIGEST || !rest.is_empty() {
        return None;
    }
    for (octet, [high, low]) in digest.iter_mut().zip(pairs) {
        *octet = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(digest)
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut text, octet| {
        // Writing to a string does not fail.
        let _ = write!(text, "{octet:02x}");
        text
    })
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
fn mac(secret: &str, signed_at: Timestamp, canonical_body: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length");
    mac.update(format!("{}.", signed_at.as_millis()).as_bytes());
    mac.update(canonical_body.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_published_digests_are_reproduced() {
        let cases = [
            (
                json!({"operationName": "W", "query": "query W { whoami { id isOperator } }", "variables": {}}),
                "bdfd497e434d1d8796f9c40e50bb911b06edfd95d36df54eedb48c57cf5a370a",
            ),
            (
                json!({"query": "{whoami{id}}", "operationName": null,
                    "variables": {"s": "é\"\n", "n": 1, "f": 0.1, "big": 1e21, "nil": null, "arr": [3, "b"]}}),
                "0ab9ba4943ca112576782f3f33548cc44a2403427593e69508c73e83b7bec812",
            ),
            (json!({}), "c4c81621354b355e63001b7aac79626660d1fa55796fbc7937551bccafcadb7a"),
        ];
        let now = Timestamp::from_millis(1_700_000_000_000);
        for (body, digest) in cases {
            let header = sign("test-secret", 1, now, &canonical(&body));
            assert_eq!(header, format!("t=1700000000000, v1={digest}"));
        }
    }

    #[test]
    fn a_webhook_digest_is_reproduced() {
        let body: Value = serde_json::from_str(
            r#"{"id":"5c1f0f3e-2b7d-4e0a-9b1c-0d6a2f1e7a11","type":"incoming_payment.completed","data":{"id":"a1b2c3d4-0000-4000-8000-000000000001","walletAddressId":"a1b2c3d4-0000-4000-8000-000000000002","client":null,"createdAt":"2026-03-01T10:00:00.000Z","expiresAt":"2026-03-01T11:00:00.000Z","receivedAmount":{"value":"1000","assetCode":"USD","assetScale":2},"completed":true,"metadata":{"note":"café","n":1.50}}}"#,
        )
        .unwrap();
        let header = sign("test-secret", 1, Timestamp::from_millis(1_767_225_600_000), &canonical(&body));
        let digest = "8301d65c05b85c4801217fd8e2d24a9a6b97a919c7972e0ddabf9b2a97fc140a";
        assert_eq!(header, format!("t=1767225600000, v1={digest}"));
    }

    #[test]
    fn what_was_signed_verifies_and_nothing_else_does() {
        let now = Timestamp::from_millis(1_000_000);
        let minute = Duration::from_mins(1);
        let header = sign("s", 1, now, "{}");
        let check = |secret, now, body| Signature::parse(&header, 1)?.verify(secret, now, minute, body);
        assert_eq!(check("s", now, "{}"), Ok(()));
        assert_eq!(check("s", now + minute, "{}"), Ok(()));
        assert_eq!(check("s", now + minute + Duration::from_millis(1), "{}"), Err(SignatureError::Stale));
        assert_eq!(check("s", now - Duration::from_mins(2), "{}"), Err(SignatureError::Stale));
        assert_eq!(check("t", now, "{}"), Err(SignatureError::Mismatch));
        assert_eq!(check("s", now, "[]"), Err(SignatureError::Mismatch));
        assert_eq!(Signature::parse(&header, 2), Err(SignatureError::OtherVersion));
    }

    #[test]
    fn one_signature_has_one_spelling() {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let header = sign("secret", 1, now, "{}");
        let digest = header.rsplit('=').next().unwrap();
        assert_eq!(header, format!("t=1700000000000, v1={digest}"));
        let others = [
            format!("{header}, n=1"),
            format!("{header}, v1={digest}"),
            format!("{header},"),
            format!("{header} "),
            format!(" {header}"),
            format!("t=1700000000000,v1={digest}"),
            format!("t=1700000000000,  v1={digest}"),
            format!("t=1700000000000,\tv1={digest}"),
            format!("t = 1700000000000, v1={digest}"),
            format!("T=1700000000000, v1={digest}"),
            format!("x=1700000000000, v1={digest}"),
            format!("t=+1700000000000, v1={digest}"),
            format!("t=-1700000000000, v1={digest}"),
            format!("t=01700000000000, v1={digest}"),
            format!("t=00000000000001700000000000, v1={digest}"),
            format!("t=1700000000000.0, v1={digest}"),
            format!("t=, v1={digest}"),
            format!("t=99999999999999999999, v1={digest}"),
            format!("t=1700000000000, v01={digest}"),
            format!("t=1700000000000, v+1={digest}"),
            format!("t=1700000000000, V1={digest}"),
            format!("t=1700000000000, 1={digest}"),
            format!("t=1700000000000, v={digest}"),
            format!("t=1700000000000, v1={}", digest.to_uppercase()),
            format!("t=1700000000000, v1=0x{digest}"),
            format!("t=1700000000000, v1={}", &digest[..62]),
            format!("t=1700000000000, v1={digest}00"),
            format!("v1={digest}, t=1700000000000"),
            String::new(),
        ];
        for other in others {
            assert_eq!(Signature::parse(&other, 1), Err(SignatureError::Malformed), "{other}");
        }
    }

    #[test]
    fn a_signature_is_named_by_its_time_and_its_digest() {
        let at = |millis, body| {
            let header = sign("secret", 1, Timestamp::from_millis(millis), body);
            Signature::parse(&header, 1).unwrap().name()
        };
        assert_eq!(at(5, "{}"), at(5, "{}"));
        assert_ne!(at(5, "{}"), at(6, "{}"));
        assert_ne!(at(5, "{}"), at(5, "[]"));
    }
}
