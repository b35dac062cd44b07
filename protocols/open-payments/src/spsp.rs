//! The answer of a wallet address to an SPSP client (RFC 9): credentials to pay directly to the address.
//! The credentials are made in `stream`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};

/// The media type that a client sends in `Accept` to get an SPSP answer. It is also the type of the answer.
pub const SPSP_CONTENT_TYPE: &str = "application/spsp4+json";

/// The address and the secret for a payment.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpspCredentials {
    /// The ILP address to send packets to.
    pub destination_account: String,
    /// The shared secret in unpadded base64url. Clients accept standard base64 and padding too.
    pub shared_secret: String,
    /// Whether every packet is answered with a receipt (RFC 39).
    #[serde(default)]
    pub receipts_enabled: bool,
}

impl std::fmt::Debug for SpspCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SpspCredentials")
            .field("destination_account", &self.destination_account)
            .finish_non_exhaustive()
    }
}

/// The request for receipts, from the headers `Receipt-Nonce` and `Receipt-Secret` (RFC 39).
#[derive(Clone, PartialEq, Eq)]
pub struct ReceiptRequest {
    /// The nonce. It is repeated in every receipt.
    pub nonce: [u8; 16],
    /// The key with which the holder of the secret verifies every receipt.
    pub secret: [u8; 32],
}

impl std::fmt::Debug for ReceiptRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReceiptRequest(..)")
    }
}

/// Why no credentials with receipts are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReceiptRequest {
    /// One header is sent without the other.
    #[error("Failed to generate credentials: receipt nonce and secret must accompany each other")]
    Unaccompanied,
    /// The nonce has another length.
    #[error("Failed to generate credentials: receipt nonce must be 16 bytes")]
    Nonce,
    /// The secret has another length.
    #[error("Failed to generate credentials: receipt secret must be 32 bytes")]
    Secret,
}

impl ReceiptRequest {
    /// Reads the values of both headers, in any base64; `None` if neither was sent.
    pub fn parse(nonce: Option<&str>, secret: Option<&str>) -> Result<Option<Self>, InvalidReceiptRequest> {
        let (nonce, secret) = match (nonce, secret) {
            (None, None) => return Ok(None),
            (Some(nonce), Some(secret)) => (nonce, secret),
            _ => return Err(InvalidReceiptRequest::Unaccompanied),
        };
        let nonce = decoded(nonce).ok_or(InvalidReceiptRequest::Nonce)?;
        let secret = decoded(secret).ok_or(InvalidReceiptRequest::Secret)?;
        Ok(Some(Self { nonce, secret }))
    }
}

/// Base64 in either alphabet, with or without padding.
fn decoded<const N: usize>(text: &str) -> Option<[u8; N]> {
    let standard = text.trim().trim_end_matches('=').replace('-', "+").replace('_', "/");
    STANDARD_NO_PAD.decode(standard).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_written_as_spsp_clients_read_them() {
        let credentials = SpspCredentials {
            destination_account: "test.a.b".into(),
            shared_secret: "c2VjcmV0".into(),
            receipts_enabled: false,
        };
        let written = serde_json::to_string(&credentials).unwrap();
        assert_eq!(
            written,
            r#"{"destination_account":"test.a.b","shared_secret":"c2VjcmV0","receipts_enabled":false}"#
        );
        assert!(!format!("{credentials:?}").contains("c2VjcmV0"));
    }

    #[test]
    fn receipts_need_a_nonce_and_a_secret_of_the_right_lengths() {
        let (nonce, secret) = ("+/+/+/+/+/+/+/+/+/+/+w==", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
        let read = ReceiptRequest::parse(Some(nonce), Some(secret)).unwrap().unwrap();
        assert_eq!((read.nonce[0], read.secret[31]), (0xfb, 31));
        let url_safe = nonce.replace('+', "-").replace('/', "_").replace('=', "");
        assert_eq!(ReceiptRequest::parse(Some(&url_safe), Some(secret)), Ok(Some(read)));
        assert_eq!(ReceiptRequest::parse(None, None), Ok(None));
        for (nonce, secret, refusal) in [
            (Some(nonce), None, InvalidReceiptRequest::Unaccompanied),
            (None, Some(secret), InvalidReceiptRequest::Unaccompanied),
            (Some(secret), Some(secret), InvalidReceiptRequest::Nonce),
            (Some(nonce), Some("AAA"), InvalidReceiptRequest::Secret),
        ] {
            assert_eq!(ReceiptRequest::parse(nonce, secret), Err(refusal));
        }
    }
}
