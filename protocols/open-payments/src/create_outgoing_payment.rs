//! `POST /outgoing-payments` (Open Payments resource server API): the request.
//! The answer is in `outgoing_payment`.

use serde_json::Value;

use crate::Metadata;
use crate::amount::Amount;
use crate::validate::{InvalidRequest, Reader};

/// The request to create an outgoing payment.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateOutgoingPayment {
    /// The wallet address that pays.
    pub wallet_address: String,
    /// The quote or the incoming payment.
    pub source: PaymentSource,
    /// The metadata of the client.
    pub metadata: Option<Metadata>,
}

/// What an outgoing payment is created from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaymentSource {
    /// An existing quote.
    Quote {
        /// Its URL, as submitted. Only its last segment identifies the quote.
        quote_id: String,
    },
    /// A fixed amount to an incoming payment. The quote is created with the payment.
    IncomingPayment {
        /// Its URL.
        incoming_payment: String,
        /// The amount that is paid, with fees.
        debit_amount: Amount,
    },
}

impl CreateOutgoingPayment {
    /// Reads a request body.
    pub fn parse(body: &Value) -> Result<Self, InvalidRequest> {
        let body = Reader::body(body)?;
        let direct = body.has("incomingPayment") && !body.has("quoteId");
        let names: &[&str] = if direct { &["incomingPayment", "debitAmount"] } else { &["quoteId"] };
        body.require(names)?;
        body.require(&["walletAddress"])?;
        body.allow_only(&[&["walletAddress", "metadata"], names].concat())?;
        let wallet_address = body.required_uri("walletAddress")?;
        let source = if direct {
            let incoming_payment = body.required_uri("incomingPayment")?;
            let debit_amount =
                body.amount("debitAmount")?.ok_or_else(|| InvalidRequest::missing("body", "debitAmount"))?;
            PaymentSource::IncomingPayment { incoming_payment, debit_amount }
        } else {
            PaymentSource::Quote { quote_id: body.required_uri("quoteId")? }
        };
        Ok(Self { wallet_address, source, metadata: body.metadata("metadata")? })
    }
}

impl PaymentSource {
    /// The last non-empty path segment of a quote's URL.
    pub fn quote_segment(quote_id: &str) -> Option<&str> {
        let path = quote_id.split(['?', '#']).next().unwrap_or_default();
        let path = path.split_once("://").map_or(path, |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path));
        path.split('/').rfind(|segment| !segment.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_payment_is_made_of_a_quote_or_of_an_incoming_payment_with_an_amount() {
        let usd = json!({"value": "5", "assetCode": "USD", "assetScale": 2});
        for (body, message) in [
            (json!({"walletAddress": "https://a"}), "body must have required property 'quoteId'"),
            (
                json!({"walletAddress": "https://a", "incomingPayment": "https://b/i"}),
                "body must have required property 'debitAmount'",
            ),
            (
                json!({"walletAddress": "https://a", "quoteId": "https://a/q", "incomingPayment": "https://b/i"}),
                "body must NOT have additional properties: incomingPayment",
            ),
            (json!({"quoteId": "https://a/q"}), "body must have required property 'walletAddress'"),
        ] {
            assert_eq!(CreateOutgoingPayment::parse(&body).unwrap_err().to_string(), message, "{body}");
        }
        let direct = json!({"walletAddress": "https://a", "incomingPayment": "https://b/i", "debitAmount": usd});
        assert!(matches!(CreateOutgoingPayment::parse(&direct).unwrap().source, PaymentSource::IncomingPayment { .. }));
    }

    #[test]
    fn the_last_segment_of_a_quote_url_names_the_quote() {
        assert_eq!(PaymentSource::quote_segment("https://a.example/t/quotes/q1/?x=/y"), Some("q1"));
        assert_eq!(PaymentSource::quote_segment("https://a.example/"), None);
        assert_eq!(PaymentSource::quote_segment("https://a.example"), None);
    }
}
