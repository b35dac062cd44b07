//! The results of the operations: the fields of the schema's types that this client reads.
//!
//! It is not the whole schema: a field is added here when it is read.

use std::fmt;

use clock::Timestamp;
use money::Asset;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use uuid::Uuid;

/// `UInt64`: decimal text on the wire, and a number where clients send one.
pub(crate) mod uint64 {
    use super::{Deserialize, Deserializer, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Wire {
        Number(u64),
        Text(String),
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    pub(crate) fn serialize<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        match Wire::deserialize(deserializer)? {
            Wire::Number(number) => Ok(number),
            Wire::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }

    pub(crate) fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
        match Option::<Wire>::deserialize(deserializer)? {
            None => Ok(None),
            Some(Wire::Number(number)) => Ok(Some(number)),
            Some(Wire::Text(text)) => text.parse().map(Some).map_err(serde::de::Error::custom),
        }
    }
}

/// An amount with its asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Amount {
    /// In the asset's smallest unit.
    #[serde(with = "uint64")]
    pub value: u64,
    /// For example `USD`.
    pub asset_code: String,
    /// Decimal places of the smallest unit.
    pub asset_scale: u8,
}

impl Amount {
    /// `value` of `asset`.
    pub fn new(value: u64, asset: &Asset) -> Self {
        Self { value, asset_code: asset.code.to_string(), asset_scale: asset.scale }
    }

    /// The asset; `None` if its code is unusable.
    pub fn asset(&self) -> Option<Asset> {
        Asset::new(&self.asset_code, self.asset_scale).ok()
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.asset() {
            Some(asset) => f.write_str(&asset.display(self.value)),
            None => write!(f, "{} {:?}/{}", self.value, self.asset_code, self.asset_scale),
        }
    }
}

/// `whoami`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Whoami {
    /// The tenant asking.
    pub id: Uuid,
    /// Whether it is the operator.
    pub is_operator: bool,
}

/// A fee in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FeeRecord {
    /// Fixed part in the asset's smallest unit.
    #[serde(with = "uint64")]
    pub fixed: u64,
    /// Hundredths of a percent.
    pub basis_points: u16,
}

/// An asset of the tenant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssetRecord {
    /// Its id, also that of its liquidity account.
    pub id: Uuid,
    /// For example `USD`.
    pub code: String,
    /// Decimal places.
    pub scale: u8,
    /// The balance of its liquidity account.
    #[serde(default, deserialize_with = "uint64::optional")]
    pub liquidity: Option<u64>,
    /// The fee on outgoing payments.
    #[serde(default)]
    pub sending_fee: Option<FeeRecord>,
}

/// A peering.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerRecord {
    /// Its id, also that of its liquidity account.
    pub id: Uuid,
    /// The peer's ILP address.
    pub static_ilp_address: String,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// The balance of its liquidity account.
    #[serde(default, deserialize_with = "uint64::optional")]
    pub liquidity: Option<u64>,
    /// Where its connector listens.
    pub http: PeerHttp,
}

/// How to send packets to a peer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PeerHttp {
    /// Outgoing requests.
    pub outgoing: PeerHttpOutgoing,
}

/// Requests to a peer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerHttpOutgoing {
    /// The URL of its connector.
    pub endpoint: String,
}

/// A wallet address.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WalletAddressRecord {
    /// Its id.
    pub id: Uuid,
    /// Its URL.
    pub address: String,
    /// The name shown to payers.
    pub public_name: Option<String>,
    /// Its asset.
    pub asset: AssetRecord,
}

/// A public key of a wallet address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Key {
    /// The key's id.
    pub kid: String,
    /// The public key, base64url without padding.
    pub x: String,
}

/// An incoming payment as the payer sees it, here or elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receiver {
    /// The incoming payment's URL.
    pub id: String,
    /// The receiver that is paid.
    pub wallet_address_url: String,
    /// Whether it takes no more money.
    pub completed: bool,
    /// The expected amount.
    pub incoming_amount: Option<Amount>,
    /// The received amount.
    pub received_amount: Amount,
    /// The time at which it stops accepting money.
    pub expires_at: Option<Timestamp>,
}

/// What a payment would cost and deliver.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quote {
    /// Its id, also that of the payment made of it.
    pub id: Uuid,
    /// The incoming payment's URL.
    pub receiver: String,
    /// The most that the payer is debited, with fees.
    pub debit_amount: Amount,
    /// The least amount that arrives.
    pub receive_amount: Amount,
    /// The time at which it was made, if it was asked for.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// The time at which it expires.
    pub expires_at: Timestamp,
}

/// The state of an outgoing payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OutgoingPaymentState {
    /// Waits for the account-servicing entity's deposit.
    Funding,
    /// Packets are on their way.
    Sending,
    /// The whole amount was delivered.
    Completed,
    /// It was given up. A part may have been delivered.
    Failed,
    /// Refused before funding.
    Cancelled,
}

/// A payment sent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutgoingPayment {
    /// Its id.
    pub id: Uuid,
    /// The payer's wallet address.
    pub wallet_address_id: Uuid,
    /// Its state.
    pub state: OutgoingPaymentState,
    /// Why it failed.
    pub error: Option<String>,
    /// Sending attempts in this state.
    pub state_attempts: u32,
    /// The most that the payer is debited, with fees.
    pub debit_amount: Amount,
    /// The amount to deliver.
    pub receive_amount: Amount,
    /// The amount sent so far.
    pub sent_amount: Amount,
    /// The incoming payment's URL.
    pub receiver: String,
    /// What is left in its ledger account.
    #[serde(default, deserialize_with = "uint64::optional")]
    pub liquidity: Option<u64>,
    /// Free data, such as the reason of a cancellation.
    pub metadata: Option<Value>,
    /// The grant under which a client made it, if it was asked for.
    #[serde(default)]
    pub grant_id: Option<String>,
    /// When it was made, if it was asked for.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
}

/// The state of an incoming payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum IncomingPaymentState {
    /// Nothing has arrived.
    Pending,
    /// Something has arrived and more may.
    Processing,
    /// Takes no more money.
    Completed,
    /// It has expired.
    Expired,
}

/// A payment expected or received.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IncomingPayment {
    /// Its id.
    pub id: Uuid,
    /// The payee's wallet address.
    pub wallet_address_id: Uuid,
    /// Its state.
    pub state: IncomingPaymentState,
    /// The balance of its ledger account.
    #[serde(default, deserialize_with = "uint64::optional")]
    pub liquidity: Option<u64>,
    /// The expected amount.
    pub incoming_amount: Option<Amount>,
    /// The received amount.
    pub received_amount: Amount,
}

/// The kind of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TransferType {
    /// From the outside world.
    Deposit,
    /// To the outside world.
    Withdrawal,
    /// Between two accounts.
    Transfer,
}

/// The state of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TransferState {
    /// Reserved.
    Pending,
    /// Made.
    Posted,
    /// Given up.
    Voided,
}

/// One movement in the backend's ledger.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountingTransfer {
    /// Its id.
    pub id: Uuid,
    /// The debited account.
    pub debit_account_id: Uuid,
    /// The credited account.
    pub credit_account_id: Uuid,
    /// The amount.
    #[serde(with = "uint64")]
    pub amount: u64,
    /// Its kind.
    pub transfer_type: TransferType,
    /// Its state.
    pub state: TransferState,
}

/// The movements of one account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct AccountingTransfers {
    /// The movements that debit the account.
    pub debits: Vec<AccountingTransfer>,
    /// The movements that credit the account.
    pub credits: Vec<AccountingTransfer>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn amounts_are_text_on_the_wire_and_numbers_are_understood() {
        let amount: Amount = serde_json::from_value(json!({"value": 5, "assetCode": "USD", "assetScale": 2})).unwrap();
        assert_eq!(amount.to_string(), "0.05 USD");
        assert_eq!(serde_json::to_value(&amount).unwrap()["value"], "5");
    }

    #[test]
    fn liquidity_may_be_absent_null_or_text() {
        let read = |liquidity: Value| {
            let mut asset = json!({"id": Uuid::nil(), "code": "USD", "scale": 2});
            asset["liquidity"] = liquidity;
            serde_json::from_value::<AssetRecord>(asset).unwrap().liquidity
        };
        assert_eq!(read(Value::Null), None);
        assert_eq!(read(json!("18446744073709551615")), Some(u64::MAX));
    }
}
