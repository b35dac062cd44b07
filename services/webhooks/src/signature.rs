//! The `Rafiki-Signature` header.
//!
//! This file makes the header. Receivers check it.

use admin_signature::{canonical, sign};
use clock::Timestamp;
use payments_model::Secret;
use serde_json::Value;

/// How deliveries are signed.
#[derive(Clone, Debug)]
pub struct Signing {
    /// The key. Its UTF-8 bytes are used.
    pub secret: Secret,
    /// The number after `v`.
    pub version: u32,
}

/// `t=<milliseconds>, v<version>=<hex HMAC-SHA-256 of "{t}.{canonical body}">`, the body canonical after RFC 8785.
pub fn signature_header(signing: &Signing, at: Timestamp, body: &Value) -> String {
    sign(signing.secret.expose(), signing.version, at, &canonical(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_example_gets_its_published_digest() {
        let body = r#"{"id":"5c1f0f3e-2b7d-4e0a-9b1c-0d6a2f1e7a11","type":"incoming_payment.completed","data":{"id":"a1b2c3d4-0000-4000-8000-000000000001","walletAddressId":"a1b2c3d4-0000-4000-8000-000000000002","client":null,"createdAt":"2026-03-01T10:00:00.000Z","expiresAt":"2026-03-01T11:00:00.000Z","receivedAmount":{"value":"1000","assetCode":"USD","assetScale":2},"completed":true,"metadata":{"note":"café","n":1.50}}}"#;
        let signing = Signing { secret: Secret::new("test-secret"), version: 1 };
        let header =
            signature_header(&signing, Timestamp::from_millis(1_767_225_600_000), &serde_json::from_str(body).unwrap());
        let expected = "t=1767225600000, v1=8301d65c05b85c4801217fd8e2d24a9a6b97a919c7972e0ddabf9b2a97fc140a";
        assert_eq!(header, expected);
    }
}
