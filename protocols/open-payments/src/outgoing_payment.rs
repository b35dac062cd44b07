//! `GET /outgoing-payments/{id}` and the answer to creating one (Open Payments resource server API).

use clock::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Metadata;
use crate::amount::Amount;

/// A payment sent from a wallet address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutgoingPayment {
    /// Its URL.
    pub id: String,
    /// The URL of the wallet address that pays.
    pub wallet_address: String,
    /// The URL of its quote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote_id: Option<String>,
    /// The URL of the incoming payment.
    pub receiver: String,
    /// What is to arrive.
    pub receive_amount: Amount,
    /// What is to be paid, fees included.
    pub debit_amount: Amount,
    /// What was debited so far, in the payer's asset.
    pub sent_amount: Amount,
    /// Whether it failed or was cancelled.
    #[serde(default)]
    pub failed: bool,
    /// What its creator attached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A payment just created, with what its grant had spent before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreatedOutgoingPayment {
    /// The payment.
    #[serde(flatten)]
    pub payment: OutgoingPayment,
    /// Spent before in the receivers' asset.
    pub grant_spent_receive_amount: Amount,
    /// Spent before in the payer's asset.
    pub grant_spent_debit_amount: Amount,
}
