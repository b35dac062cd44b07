//! A presented card from a terminal, parsed and checked as a whole.
//!
//! Unknown members are ignored.

use admin_client::Amount;
use http_kit::parse_json_body;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use web_url::WalletAddressUrl;

/// A request of a terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TapRequest {
    pub(crate) signature: String,
    pub(crate) payload: String,
    pub(crate) amount: Amount,
    pub(crate) sender_wallet_address: String,
    pub(crate) receiver_wallet_address: String,
    /// When the card was presented, in milliseconds.
    pub(crate) timestamp: i64,
    /// The terminal's own id of the tap. Terminals of the original send none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<Uuid>,
}

impl TapRequest {
    /// Parses a body. The error is for its sender.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, String> {
        let request: Self = parse_json_body(body)?;
        card::check_texts(&request.signature, &request.payload)?;
        for (name, url) in [
            ("senderWalletAddress", &request.sender_wallet_address),
            ("receiverWalletAddress", &request.receiver_wallet_address),
        ] {
            url.parse::<WalletAddressUrl>().map_err(|error| format!("body.{name} {error}"))?;
        }
        if request.amount.value == 0 || i64::try_from(request.amount.value).is_err() {
            return Err("body.amount.value must be between 1 and 9223372036854775807".to_owned());
        }
        request.amount.asset().ok_or("body.amount does not name an asset")?;
        Ok(request)
    }

    /// The payee's wallet address in its normal form.
    pub(crate) fn merchant(&self) -> String {
        let normal = self.receiver_wallet_address.parse::<WalletAddressUrl>();
        normal.map_or_else(|_| self.receiver_wallet_address.clone(), |url| url.as_str().to_owned())
    }

    /// The id of the tap: the terminal's, or else derived from the whole request. So a repetition has the same id.
    pub(crate) fn id(&self) -> Uuid {
        self.request_id.unwrap_or_else(|| {
            let mut octets = [0; 16];
            octets.copy_from_slice(&self.hash()[..16]);
            uuid::Builder::from_random_bytes(octets).into_uuid()
        })
    }

    /// A digest of the whole request.
    pub(crate) fn digest(&self) -> String {
        hex::encode(self.hash())
    }

    fn hash(&self) -> [u8; 32] {
        Sha256::digest(serde_json::to_vec(self).unwrap_or_default()).into()
    }
}

/// The request to a card service.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CardRequest<'a> {
    pub(crate) request_id: Uuid,
    pub(crate) signature: &'a str,
    pub(crate) payload: &'a str,
    pub(crate) amount: &'a Amount,
    pub(crate) sender_wallet_address: &'a str,
    pub(crate) incoming_payment_url: &'a str,
    pub(crate) timestamp: i64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn body() -> Value {
        json!({
            "signature": "signature", "payload": "payload",
            "amount": {"value": "1000", "assetScale": 2, "assetCode": "USD"},
            "senderWalletAddress": "https://cloud-nine-wallet-backend/accounts/gfranklin",
            "receiverWalletAddress": "https://happy-life-bank-backend/accounts/pfry",
            "timestamp": 1_767_225_600_000_i64
        })
    }

    fn parsed(body: &Value) -> Result<TapRequest, String> {
        TapRequest::parse(body.to_string().as_bytes())
    }

    #[test]
    fn the_shape_of_the_originals_terminals_is_understood_and_a_repetition_is_recognised() {
        let first = parsed(&body()).unwrap();
        assert_eq!(first.amount.value, 1000);
        assert_eq!(first.id(), parsed(&body()).unwrap().id());
        let mut later = body();
        later["timestamp"] = json!(1_767_225_600_001_i64);
        assert_ne!(first.id(), parsed(&later).unwrap().id());
        let mut named = body();
        named["requestId"] = json!(Uuid::from_u128(7));
        assert_eq!(parsed(&named).unwrap().id(), Uuid::from_u128(7));
    }

    #[test]
    fn every_missing_or_wrong_member_is_refused() {
        for (name, wrong) in [
            ("signature", json!(1)),
            ("payload", json!("a\0b")),
            ("amount", json!({"value": "0", "assetScale": 2, "assetCode": "USD"})),
            ("amount", json!({"value": "9223372036854775808", "assetScale": 2, "assetCode": "USD"})),
            ("amount", json!({"value": "-1", "assetScale": 2, "assetCode": "USD"})),
            ("senderWalletAddress", json!("alice")),
            ("receiverWalletAddress", json!("http://")),
            ("timestamp", json!("now")),
        ] {
            let mut wrong_body = body();
            wrong_body[name] = wrong;
            assert!(parsed(&wrong_body).is_err(), "{wrong_body}");
            wrong_body.as_object_mut().unwrap().remove(name);
            assert!(parsed(&wrong_body).is_err(), "{name} is missing");
        }
    }
}
