//! `GET /outgoing-payments/{id}` and the answer to creating one (Open Payments resource server API).
//! The request that creates one is in `create_outgoing_payment`.

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
    /// The amount to deliver.
    pub receive_amount: Amount,
    /// The amount to pay, with fees.
    pub debit_amount: Amount,
    /// The amount debited so far, in the payer's asset.
    pub sent_amount: Amount,
    /// Whether it failed or was cancelled.
    #[serde(default)]
    pub failed: bool,
    /// The metadata of its creator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A new payment, with the amounts that its grant had spent before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreatedOutgoingPayment {
    /// The payment.
    #[serde(flatten)]
    pub payment: OutgoingPayment,
    /// The amount spent before, in the receivers' asset.
    pub grant_spent_receive_amount: Amount,
    /// The amount spent before, in the payer's asset.
    pub grant_spent_debit_amount: Amount,
}
