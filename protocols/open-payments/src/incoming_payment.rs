//! `GET /incoming-payments/{id}` and the answer to creating one (Open Payments resource server API).
//!
//! The public view, without a token, shows only what was received and which server gives grants.

use clock::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use crate::Metadata;
use crate::amount::Amount;

/// A payment expected or received at a wallet address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IncomingPayment {
    /// Its URL.
    pub id: String,
    /// The URL of the wallet address it pays into.
    pub wallet_address: String,
    /// The expected amount; `None` means any amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incoming_amount: Option<Amount>,
    /// The received amount.
    pub received_amount: Amount,
    /// Whether no more money is expected. An expired payment is not completed.
    pub completed: bool,
    /// The metadata of its creator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// When it was created.
    pub created_at: Timestamp,
    /// The time at which it stops accepting money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The ways to pay it; shown on creation and to authorised readers.
    #[serde(default, deserialize_with = "known_methods", skip_serializing_if = "Option::is_none")]
    pub methods: Option<Vec<PaymentMethod>>,
}

/// A way to pay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum PaymentMethod {
    /// Over Interledger with STREAM.
    Ilp(IlpPaymentMethod),
}

/// Credentials of a STREAM connection.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IlpPaymentMethod {
    /// The address to send packets to.
    pub ilp_address: String,
    /// The shared secret in unpadded base64url.
    pub shared_secret: String,
}

impl std::fmt::Debug for IlpPaymentMethod {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IlpPaymentMethod").field("ilp_address", &self.ilp_address).finish_non_exhaustive()
    }
}

/// The public part of an incoming payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PublicIncomingPayment {
    /// The received amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_amount: Option<Amount>,
    /// The server that gives grants for it.
    pub auth_server: String,
}

/// Methods this implementation does not know are left out, so that a server may add some.
fn known_methods<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<PaymentMethod>>, D::Error> {
    let methods = Vec::<serde_json::Value>::deserialize(deserializer)?;
    Ok(Some(methods.into_iter().filter_map(|method| serde_json::from_value(method).ok()).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_without_a_value_are_omitted_and_amounts_are_strings() {
        let payment = IncomingPayment {
            id: "https://w.example/t/incoming-payments/1".into(),
            wallet_address: "https://w.example/alice".into(),
            incoming_amount: None,
            received_amount: Amount { value: u64::MAX, asset_code: "USD".parse().unwrap(), asset_scale: 2 },
            completed: false,
            metadata: None,
            created_at: Timestamp::EPOCH,
            expires_at: Some(Timestamp::EPOCH),
            methods: Some(vec![PaymentMethod::Ilp(IlpPaymentMethod {
                ilp_address: "g.a".into(),
                shared_secret: "s".into(),
            })]),
        };
        let written = serde_json::to_string(&payment).unwrap();
        assert_eq!(
            written,
            concat!(
                r#"{"id":"https://w.example/t/incoming-payments/1","walletAddress":"https://w.example/alice","#,
                r#""receivedAmount":{"value":"18446744073709551615","assetCode":"USD","assetScale":2},"completed":false,"#,
                r#""createdAt":"1970-01-01T00:00:00.000Z","expiresAt":"1970-01-01T00:00:00.000Z","#,
                r#""methods":[{"type":"ilp","ilpAddress":"g.a","sharedSecret":"s"}]}"#
            )
        );
        assert_eq!(serde_json::from_str::<IncomingPayment>(&written).unwrap(), payment);
    }

    #[test]
    fn unknown_members_and_methods_of_other_servers_are_ignored() {
        let read: IncomingPayment = serde_json::from_str(
            r#"{"id":"a","walletAddress":"b","receivedAmount":{"value":"0","assetCode":"EUR","assetScale":0,"x":1},
                "completed":true,"createdAt":"2026-01-31T12:00:00Z","new":{},"methods":[{"type":"card"},
                {"type":"ilp","ilpAddress":"g.b","sharedSecret":"c"}]}"#,
        )
        .unwrap();
        assert_eq!(read.methods.unwrap().len(), 1);
        assert_eq!(read.expires_at, None);
    }
}
