//! Webhook bodies, as this wallet parses them.
//!
//! Only the members that are needed are parsed. The whole body is stored unchanged.

use clock::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

/// An amount in an event.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventAmount {
    #[serde(deserialize_with = "decimal")]
    pub(crate) value: u64,
    #[serde(default)]
    pub(crate) asset_code: String,
    #[serde(default)]
    pub(crate) asset_scale: u8,
}

/// `data` of the outgoing-payment events.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OutgoingPaymentData {
    pub(crate) id: Uuid,
    pub(crate) wallet_address_id: Uuid,
    pub(crate) debit_amount: EventAmount,
    pub(crate) receive_amount: EventAmount,
    pub(crate) sent_amount: EventAmount,
    #[serde(deserialize_with = "decimal")]
    pub(crate) balance: u64,
    pub(crate) card_details: Option<CardData>,
    /// The incoming payment that is paid.
    #[serde(default)]
    pub(crate) receiver: String,
    pub(crate) metadata: Option<Value>,
    /// The grant under which a client made it.
    pub(crate) grant_id: Option<String>,
    pub(crate) created_at: Option<Timestamp>,
}

/// The card that was presented for a payment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct CardData {
    pub(crate) data: SignedData,
}

/// What the chip signed, and its signature.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct SignedData {
    pub(crate) signature: String,
    pub(crate) payload: String,
}

/// `data` of the incoming-payment events.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IncomingPaymentData {
    pub(crate) id: Uuid,
    pub(crate) wallet_address_id: Uuid,
    pub(crate) received_amount: EventAmount,
    pub(crate) partial_incoming_payment_id: Option<Uuid>,
    pub(crate) metadata: Option<Value>,
}

/// `data` of `wallet_address.not_found`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NotFoundData {
    pub(crate) wallet_address_url: String,
}

/// `data` of `wallet_address.web_monetization`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WebMonetizationData {
    pub(crate) wallet_address: StreamedTo,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StreamedTo {
    pub(crate) id: Uuid,
    /// What arrived since the previous event of this kind.
    pub(crate) received_amount: EventAmount,
}

/// `data` of the liquidity events.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LiquidityData {
    pub(crate) id: Uuid,
    pub(crate) asset: EventAsset,
    /// Both are shown as they are told, and nothing is decided by them.
    #[serde(default)]
    pub(crate) liquidity_threshold: Option<Value>,
    #[serde(default)]
    pub(crate) balance: Option<Value>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct EventAsset {
    pub(crate) code: String,
    pub(crate) scale: u8,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    OutgoingCreated(OutgoingPaymentData),
    OutgoingCompleted(OutgoingPaymentData),
    OutgoingFailed(OutgoingPaymentData),
    /// A card payment was cancelled.
    OutgoingCancelled(OutgoingPaymentData),
    /// A payment completed or expired, so no more money will arrive.
    IncomingFinished(IncomingPaymentData),
    IncomingPartial(IncomingPaymentData),
    AddressNotFound(NotFoundData),
    WebMonetization(WebMonetizationData),
    AssetLiquidityLow(LiquidityData),
    PeerLiquidityLow(LiquidityData),
    /// An event without effects.
    Other,
}

impl Event {
    /// Parses the `data` of an event of type `kind`.
    pub(crate) fn read(kind: &str, data: Value) -> Result<Self, serde_json::Error> {
        use serde_json::from_value as read;
        Ok(match kind {
            "outgoing_payment.created" => Self::OutgoingCreated(read(data)?),
            "outgoing_payment.completed" => Self::OutgoingCompleted(read(data)?),
            "outgoing_payment.failed" => Self::OutgoingFailed(read(data)?),
            "outgoing_payment.cancelled" => Self::OutgoingCancelled(read(data)?),
            "incoming_payment.completed" | "incoming_payment.expired" => Self::IncomingFinished(read(data)?),
            "incoming_payment.partial_payment_received" => Self::IncomingPartial(read(data)?),
            "wallet_address.not_found" => Self::AddressNotFound(read(data)?),
            "wallet_address.web_monetization" => Self::WebMonetization(read(data)?),
            "asset.liquidity_low" => Self::AssetLiquidityLow(read(data)?),
            "peer.liquidity_low" => Self::PeerLiquidityLow(read(data)?),
            _ => Self::Other,
        })
    }
}

/// The subject of an event. Events of one subject are handled one after the other.
pub(crate) fn subject(data: &Value) -> String {
    let members = [&data["id"], &data["walletAddress"]["id"], &data["walletAddressUrl"]];
    members.into_iter().find_map(Value::as_str).unwrap_or_default().chars().take(255).collect()
}

fn decimal<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_published_examples_are_understood() {
        let usd = |value: &str| json!({"value": value, "assetCode": "USD", "assetScale": 2});
        let outgoing = json!({
            "id": Uuid::from_u128(1), "walletAddressId": Uuid::from_u128(2), "client": null, "state": "FUNDING",
            "receiver": "https://rs.other.example/incoming-payments/b3", "debitAmount": usd("10000"),
            "receiveAmount": usd("8900"), "sentAmount": usd("0"), "stateAttempts": 0,
            "createdAt": "2026-03-01T10:00:00.000Z", "balance": "0", "grantId": "c0"
        });
        assert_eq!(subject(&outgoing), Uuid::from_u128(1).to_string());
        let Event::OutgoingCreated(data) = Event::read("outgoing_payment.created", outgoing).unwrap() else {
            panic!("another event")
        };
        assert_eq!((data.debit_amount.value, data.balance), (10_000, 0));

        let not_found = json!({"walletAddressUrl": "https://Wallet.example/Alice"});
        assert_eq!(subject(&not_found), "https://Wallet.example/Alice");
        assert!(matches!(Event::read("wallet_address.not_found", not_found).unwrap(), Event::AddressNotFound(_)));
    }

    #[test]
    fn an_unknown_type_is_let_pass_and_a_known_one_must_be_whole() {
        assert_eq!(Event::read("something.new", json!({})).unwrap(), Event::Other);
        assert!(Event::read("outgoing_payment.created", json!({"id": "x"})).is_err());
    }
}
