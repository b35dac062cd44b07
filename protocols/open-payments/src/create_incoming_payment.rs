//! `POST /incoming-payments` (Open Payments resource server API): the request.
//! The answer is in `incoming_payment`.

use clock::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::Metadata;
use crate::amount::Amount;
use crate::date_time::parse_date_time;
use crate::validate::{InvalidRequest, Reader};

/// The request to create an incoming payment at a wallet address.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateIncomingPayment {
    /// The wallet address to be paid.
    pub wallet_address: String,
    /// The expected amount; `None` means any amount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incoming_amount: Option<Amount>,
    /// The time at which it stops accepting money; `None` means the server's longest time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The metadata of the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
}

impl CreateIncomingPayment {
    /// Reads a request body.
    pub fn parse(body: &Value) -> Result<Self, InvalidRequest> {
        let body = Reader::body(body)?;
        body.require(&["walletAddress"])?;
        body.allow_only(&["walletAddress", "incomingAmount", "expiresAt", "metadata"])?;
        let wallet_address = body.required_uri("walletAddress")?;
        let incoming_amount = body.amount("incomingAmount")?;
        let expires_at = match body.text("expiresAt")? {
            None => None,
            Some(text) => {
                Some(parse_date_time(text).ok_or_else(|| body.fault("expiresAt", "must match format \"date-time\""))?)
            }
        };
        Ok(Self { wallet_address, incoming_amount, expires_at, metadata: body.metadata("metadata")? })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn faults_have_the_texts_that_clients_know() {
        let usd = |value: Value| json!({"value": value, "assetCode": "USD", "assetScale": 2});
        for (body, message) in [
            (json!([]), "body must be object"),
            (json!({}), "body must have required property 'walletAddress'"),
            (json!({"walletAddress": "https://a", "x": 1}), "body must NOT have additional properties: x"),
            (json!({"walletAddress": 1}), "body.walletAddress must be string"),
            (json!({"walletAddress": "alice"}), r#"body.walletAddress must match format "uri""#),
            (json!({"walletAddress": "https://a b"}), r#"body.walletAddress must match format "uri""#),
            (
                json!({"walletAddress": "https://a", "incomingAmount": {"value": "1", "assetCode": "USD"}}),
                "body.incomingAmount must have required property 'assetScale'",
            ),
            (
                json!({"walletAddress": "https://a", "incomingAmount": usd(json!(1))}),
                "body.incomingAmount.value must be string",
            ),
            (
                json!({"walletAddress": "https://a", "incomingAmount": usd(json!("0x10"))}),
                r#"body.incomingAmount.value must match format "uint64""#,
            ),
            (
                json!({"walletAddress": "https://a", "incomingAmount": usd(json!("9223372036854775808"))}),
                r#"body.incomingAmount.value must match format "uint64""#,
            ),
            (
                json!({"walletAddress": "https://a", "incomingAmount": {"value": "1", "assetCode": "USD", "assetScale": 256}}),
                "body.incomingAmount.assetScale must be <= 255",
            ),
            (
                json!({"walletAddress": "https://a", "incomingAmount": {"value": "1", "assetCode": "USD", "assetScale": -1}}),
                "body.incomingAmount.assetScale must be >= 0",
            ),
            (
                json!({"walletAddress": "https://a", "incomingAmount": {"value": "1", "assetCode": "USD", "assetScale": 1.5}}),
                "body.incomingAmount.assetScale must be integer",
            ),
            (json!({"walletAddress": "https://a", "expiresAt": 5}), "body.expiresAt must be string"),
            (
                json!({"walletAddress": "https://a", "expiresAt": "2026-01-01"}),
                r#"body.expiresAt must match format "date-time""#,
            ),
            (json!({"walletAddress": "https://a", "metadata": []}), "body.metadata must be object"),
        ] {
            assert_eq!(CreateIncomingPayment::parse(&body).unwrap_err().to_string(), message, "{body}");
        }
    }

    #[test]
    fn a_full_request_is_read_with_extra_members_of_amounts_ignored() {
        let body = json!({
            "walletAddress": "https://w.example/alice/",
            "incomingAmount": {"value": "9223372036854775807", "assetCode": "USD", "assetScale": 2.0, "note": 1},
            "expiresAt": "2026-01-31T12:00:00Z",
            "metadata": {"invoice": 7},
        });
        let read = CreateIncomingPayment::parse(&body).unwrap();
        assert_eq!(read.wallet_address, "https://w.example/alice/");
        let amount = read.incoming_amount.unwrap();
        assert_eq!((amount.value, amount.asset_scale), (crate::AMOUNT_MAX, 2));
        assert_eq!(read.metadata.unwrap()["invoice"], 7);
    }
}
