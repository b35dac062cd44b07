//! The `t=<ms>, v<version>=<digest>` signature over canonical JSON (multi-tenancy section 3, webhooks section 2).
//!
//! Used for Admin API requests and for webhooks alike; which secret and what age are the caller's.

use std::fmt::Write as _;
use std::time::Duration;

use clock::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// Why a signature was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The header is not `t=<ms>, v<version>=<64 hex digits>`.
    #[error("the signature is not of the form t=<milliseconds>, v<version>=<hex digest>")]
    Malformed,
    /// Another version than agreed.
    #[error("the signature has another version than configured")]
    OtherVersion,
    /// Too old, or too far in the future.
    #[error("the signature's time is too far from now; compare the clocks")]
    Stale,
    /// The digest does not fit secret and body.
    #[error("the signature does not fit the body and the shared secret")]
    Mismatch,
}

/// RFC 8785 text of a JSON value.
pub fn canonical(value: &Value) -> String {
    // Every `Value` has a canonical form; the library's error is about types that are not JSON.
    serde_json_canonicalizer::to_string(value).unwrap_or_default()
}

/// The header value for `canonical_body` signed at `now`.
pub fn sign(secret: &str, version: u32, now: Timestamp, canonical_body: &str) -> String {
    let millis = now.as_millis();
    let digest = mac(secret, millis, canonical_body).finalize().into_bytes();
    let mut header = format!("t={millis}, v{version}=");
    for octet in digest {
        // Writing to a string does not fail.
        let _ = write!(header, "{octet:02x}");
    }
    header
}

/// Checks a header value against the body as parsed; the digest is compared in constant time.
pub fn verify(
    header: &str,
    secret: &str,
    version: u32,
    now: Timestamp,
    tolerance: Duration,
    canonical_body: &str,
) -> Result<(), SignatureError> {
    // Further parts are tolerated: load generators add a number so that equal requests differ.
    let mut parts = header.split(',').map(str::trim);
    let time = parts.next().and_then(|part| part.strip_prefix("t=")).ok_or(SignatureError::Malformed)?;
    let millis: i64 = time.parse().map_err(|_| SignatureError::Malformed)?;
    let (label, digest) = parts.next().and_then(|part| part.split_once('=')).ok_or(SignatureError::Malformed)?;
    let claimed: u32 = label.strip_prefix('v').and_then(|v| v.parse().ok()).ok_or(SignatureError::Malformed)?;
    let digest = hex::decode(digest).map_err(|_| SignatureError::Malformed)?;
    if claimed != version {
        return Err(SignatureError::OtherVersion);
    }
    let signed_at = Timestamp::from_millis(millis);
    let distance = now.saturating_since(signed_at).max(signed_at.saturating_since(now));
    if distance > tolerance {
        return Err(SignatureError::Stale);
    }
    mac(secret, millis, canonical_body).verify_slice(&digest).map_err(|_| SignatureError::Mismatch)
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
fn mac(secret: &str, millis: i64, canonical_body: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length");
    mac.update(format!("{millis}.").as_bytes());
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
        let check = |header: &str, secret, version, now, body| verify(header, secret, version, now, minute, body);
        assert_eq!(check(&header, "s", 1, now, "{}"), Ok(()));
        assert_eq!(check(&header, "s", 1, now + minute, "{}"), Ok(()));
        assert_eq!(check(&header, "s", 1, now + minute + Duration::from_millis(1), "{}"), Err(SignatureError::Stale));
        assert_eq!(check(&header, "s", 1, now - Duration::from_mins(2), "{}"), Err(SignatureError::Stale));
        assert_eq!(check(&header, "t", 1, now, "{}"), Err(SignatureError::Mismatch));
        assert_eq!(check(&header, "s", 1, now, "[]"), Err(SignatureError::Mismatch));
        assert_eq!(check(&header, "s", 2, now, "{}"), Err(SignatureError::OtherVersion));
        for malformed in ["", "t=1", "t=x, v1=00", "t=1, 1=00", "t=1, v1=zz"] {
            assert_eq!(check(malformed, "s", 1, now, "{}"), Err(SignatureError::Malformed), "{malformed}");
        }
    }

    #[test]
    fn a_number_after_the_digest_is_tolerated() {
        let now = Timestamp::from_millis(1_000_000);
        let header = sign("secret", 1, now, "{}") + ", n=42";
        assert_eq!(verify(&header, "secret", 1, now, Duration::from_secs(30), "{}"), Ok(()));
    }
}
