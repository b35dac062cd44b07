//! `POST /quotes` (Open Payments resource server API): the request.
//! The answer is in `quote`.

use serde_json::Value;

use crate::amount::Amount;
use crate::validate::{InvalidRequest, Reader};

/// The request for a quote of a payment to an incoming payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateQuote {
    /// The wallet address that would pay.
    pub wallet_address: String,
    /// The URL of the incoming payment.
    pub receiver: String,
    /// The fixed amount.
    pub amount: QuoteAmount,
}

/// The fixed amount of a quote. At most one amount can be fixed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuoteAmount {
    /// None: the receiver's remaining amount is paid.
    Receiver,
    /// The amount that is paid, with fees.
    Debit(Amount),
    /// The amount that arrives.
    Receive(Amount),
}

impl CreateQuote {
    /// Reads a request body.
    pub fn parse(body: &Value) -> Result<Self, InvalidRequest> {
        let body = Reader::body(body)?;
        body.require(&["walletAddress", "receiver", "method"])?;
        let fixed: &[&str] = if body.has("debitAmount") { &["debitAmount"] } else { &["receiveAmount"] };
        body.allow_only(&[&["walletAddress", "receiver", "method"], fixed].concat())?;
        let wallet_address = body.required_uri("walletAddress")?;
        let receiver = body.required_uri("receiver")?;
        if !is_receiver(&receiver) {
            // The slashes of the pattern are shown as dots, as validators with dotted locations do.
            let problem = "must match pattern \"^(https|http):..(.+).incoming-payments.(.+)$\"";
            return Err(body.fault("receiver", problem));
        }
        if body.required_text("method")? != "ilp" {
            return Err(body.fault("method", "must be equal to one of the allowed values"));
        }
        let amount = match (body.amount("debitAmount")?, body.amount("receiveAmount")?) {
            (Some(debit), _) => QuoteAmount::Debit(debit),
            (None, Some(receive)) => QuoteAmount::Receive(receive),
            (None, None) => QuoteAmount::Receiver,
        };
        Ok(Self { wallet_address, receiver, amount })
    }
}

fn is_receiver(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let positions = rest.map(|rest| (rest, rest.match_indices("/incoming-payments/")));
    positions
        .is_some_and(|(rest, mut found)| found.any(|(start, matched)| start > 0 && start + matched.len() < rest.len()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const RECEIVER: &str = "https://b.example/t/incoming-payments/08394f02-7b7b-45e2-b645-51d04e7c330c";

    #[test]
    fn faults_have_the_texts_that_clients_know() {
        let usd = json!({"value": "5", "assetCode": "USD", "assetScale": 2});
        for (body, message) in [
            (json!({"receiver": RECEIVER}), "body must have required property 'walletAddress'"),
            (
                json!({"walletAddress": "https://a", "receiver": RECEIVER, "method": "card"}),
                "body.method must be equal to one of the allowed values",
            ),
            (
                json!({"walletAddress": "https://a", "receiver": "https://b.example/alice", "method": "ilp"}),
                r#"body.receiver must match pattern "^(https|http):..(.+).incoming-payments.(.+)$""#,
            ),
            (
                json!({"walletAddress": "https://a", "receiver": RECEIVER, "method": "ilp", "debitAmount": usd, "receiveAmount": usd}),
                "body must NOT have additional properties: receiveAmount",
            ),
            (
                json!({"walletAddress": "https://a", "receiver": RECEIVER, "method": "ilp", "receiveAmount": {"value": "-1", "assetCode": "USD", "assetScale": 2}}),
                r#"body.receiveAmount.value must match format "uint64""#,
            ),
        ] {
            assert_eq!(CreateQuote::parse(&body).unwrap_err().to_string(), message, "{body}");
        }
    }

    #[test]
    fn one_amount_or_none_may_be_fixed() {
        let usd = json!({"value": "5", "assetCode": "USD", "assetScale": 2});
        let mut body = json!({"walletAddress": "https://a", "receiver": RECEIVER, "method": "ilp"});
        assert_eq!(CreateQuote::parse(&body).unwrap().amount, QuoteAmount::Receiver);
        body["receiveAmount"] = usd;
        assert!(matches!(CreateQuote::parse(&body).unwrap().amount, QuoteAmount::Receive(amount) if amount.value == 5));
    }
}
