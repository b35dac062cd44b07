//! The `Rafiki-Signature` header.
//!
//! It makes the header and does not check it: receivers do that.

use admin_signature::{canonical, sign};
use clock::Timestamp;
use payments_model::Secret;
use serde_json::Value;

/// `t=<milliseconds>, v<version>=<hex HMAC-SHA-256 of "{t}.{canonical body}">`. The body is canonical as in RFC 8785.
/// While one secret replaces another, there is a digest for each, the newer first. `None` if there is no secret.
pub(crate) fn signature_header(secrets: &[Secret], version: u32, at: Timestamp, body: &Value) -> Option<String> {
    let canonical = canonical(body);
    let mut signed = secrets.iter().map(|secret| sign(secret.expose(), version, at, &canonical));
    let mut header = signed.next()?;
    for other in signed {
        if let Some((_, digest)) = other.split_once(", ") {
            header = format!("{header}, {digest}");
        }
    }
    Some(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_767_225_600_000);
    const DIGEST: &str = "v1=8301d65c05b85c4801217fd8e2d24a9a6b97a919c7972e0ddabf9b2a97fc140a";

    fn body() -> Value {
        let body = r#"{"id":"5c1f0f3e-2b7d-4e0a-9b1c-0d6a2f1e7a11","type":"incoming_payment.completed","data":{"id":"a1b2c3d4-0000-4000-8000-000000000001","walletAddressId":"a1b2c3d4-0000-4000-8000-000000000002","client":null,"createdAt":"2026-03-01T10:00:00.000Z","expiresAt":"2026-03-01T11:00:00.000Z","receivedAmount":{"value":"1000","assetCode":"USD","assetScale":2},"completed":true,"metadata":{"note":"café","n":1.50}}}"#;
        serde_json::from_str(body).unwrap()
    }

    #[test]
    fn the_published_example_gets_its_published_digest() {
        let header = signature_header(&[Secret::new("test-secret")], 1, AT, &body());
        assert_eq!(header, Some(format!("t=1767225600000, {DIGEST}")));
        assert_eq!(signature_header(&[], 1, AT, &body()), None);
    }

    #[test]
    fn while_a_secret_is_replaced_there_is_a_digest_of_each() {
        let header = signature_header(&[Secret::new("new"), Secret::new("test-secret")], 1, AT, &body()).unwrap();
        let new = signature_header(&[Secret::new("new")], 1, AT, &body()).unwrap();
        assert_eq!(header, format!("{new}, {DIGEST}"));
    }
}
