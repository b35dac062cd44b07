//! A payment request from a point of sale, parsed and checked as a whole.
//!
//! Unknown members are ignored.

use std::time::Duration;

use admin_client::Amount;
use clock::Timestamp;
use http_kit::parse_json_body;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use web_url::{WalletAddressUrl, WebUrl};

/// A request of a point of sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PaymentRequest {
    pub(crate) request_id: Uuid,
    pub(crate) signature: String,
    pub(crate) payload: String,
    pub(crate) amount: AskedAmount,
    pub(crate) sender_wallet_address: String,
    pub(crate) incoming_payment_url: String,
    /// When the card was presented, in milliseconds.
    pub(crate) timestamp: i64,
}

/// The requested amount. Points of sale may leave out members. Those that are present must match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AskedAmount {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) asset_code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) asset_scale: Option<u8>,
}

impl AskedAmount {
    /// Whether every member that is present equals `amount`.
    pub(crate) fn agrees_with(&self, amount: &Amount) -> bool {
        let value = self.value.as_deref().is_none_or(|value| value.parse() == Ok(amount.value));
        let code = self.asset_code.as_deref().is_none_or(|code| code == amount.asset_code);
        value && code && self.asset_scale.is_none_or(|scale| scale == amount.asset_scale)
    }
}

impl PaymentRequest {
    /// Parses a body. The error is for its sender.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, String> {
        let request: Self = parse_json_body(body)?;
        card::check_texts(&request.signature, &request.payload)?;
        let sender = request.sender_wallet_address.parse::<WalletAddressUrl>();
        sender.map_err(|error| format!("body.senderWalletAddress {error}"))?;
        let incoming = request.incoming_payment_url.parse::<WebUrl>();
        incoming.map_err(|error| format!("body.incomingPaymentUrl {error}"))?;
        Ok(request)
    }

    /// When the card was presented.
    pub(crate) fn presented_at(&self) -> Timestamp {
        Timestamp::from_millis(self.timestamp)
    }

    /// Whether the card was presented a moment ago.
    pub(crate) fn is_fresh(&self, now: Timestamp, tolerance: Duration) -> bool {
        let presented = self.presented_at();
        now.saturating_since(presented).max(presented.saturating_since(now)) <= tolerance
    }

    /// A digest of the whole request.
    pub(crate) fn digest(&self) -> String {
        let canonical = serde_json::to_vec(self).unwrap_or_default();
        hex::encode(Sha256::digest(canonical))
    }

    /// The wallet address of the institution of the incoming payment, which publishes the institution's key. It is the
    /// URL of the payment without tenant, collection and id, with the well-known path of payment pointers.
    pub(crate) fn payee_institution(&self) -> Option<String> {
        let url: WebUrl = self.incoming_payment_url.parse().ok()?;
        let mut parts = url.as_str().rsplitn(4, '/');
        let (_id, collection) = (parts.next()?, parts.next()?);
        let (_tenant, base) = (parts.next()?, parts.next()?);
        (collection == "incoming-payments" && base.contains("://")).then(|| format!("{base}/.well-known/pay"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn body() -> Value {
        json!({
            "requestId": "5b6ad3f2-0e4e-4d6b-9d3b-0f1f5a3f6f4e", "signature": "aa", "payload": "77",
            "amount": {"value": "1000", "assetCode": "USD", "assetScale": 2},
            "senderWalletAddress": "https://cloud-nine-wallet-backend/accounts/gfranklin",
            "incomingPaymentUrl": "https://happy-life-bank-backend/cf5fd7d3/incoming-payments/b3",
            "timestamp": 1_767_225_600_000_i64, "new": true
        })
    }

    #[test]
    fn the_shape_of_the_originals_point_of_sale_is_understood() {
        let request = PaymentRequest::parse(body().to_string().as_bytes()).unwrap();
        assert_eq!(request.payee_institution().unwrap(), "https://happy-life-bank-backend/.well-known/pay");
        let usd = Amount { value: 1000, asset_code: "USD".to_owned(), asset_scale: 2 };
        assert!(request.amount.agrees_with(&usd));
        assert!(!request.amount.agrees_with(&Amount { value: 1001, ..usd.clone() }));
        assert!(!request.amount.agrees_with(&Amount { asset_scale: 3, ..usd.clone() }));
        let silent = AskedAmount { value: None, asset_code: None, asset_scale: None };
        assert!(silent.agrees_with(&usd), "the original's schema lets the members out");
    }

    #[test]
    fn every_missing_or_wrong_member_is_named() {
        for (name, wrong) in [
            ("requestId", json!("x")),
            ("signature", json!(1)),
            ("payload", json!("a\0b")),
            ("amount", json!("5")),
            ("senderWalletAddress", json!("alice")),
            ("incomingPaymentUrl", json!("ftp://x/y")),
            ("timestamp", json!("now")),
        ] {
            for value in [Some(wrong), None] {
                let mut body = body();
                match value {
                    Some(value) => body[name] = value,
                    None => drop(body.as_object_mut().unwrap().remove(name)),
                }
                assert!(PaymentRequest::parse(body.to_string().as_bytes()).is_err(), "{name}: {body}");
            }
        }
    }

    #[test]
    fn an_institution_is_told_by_the_urls_of_its_incoming_payments_only() {
        let base = |url: &str| {
            let mut body = body();
            body["incomingPaymentUrl"] = json!(url);
            PaymentRequest::parse(body.to_string().as_bytes()).unwrap().payee_institution()
        };
        assert_eq!(base("https://a.example/op/t/incoming-payments/1").unwrap(), "https://a.example/op/.well-known/pay");
        assert_eq!(base("https://a.example/incoming-payments/1"), None);
        assert_eq!(base("https://a.example/t/quotes/1"), None);
    }
}
