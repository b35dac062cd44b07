//! `GET /quotes/{id}` and the answer to creating one (Open Payments resource server API).

use clock::Timestamp;
use serde::{Deserialize, Serialize};

use crate::amount::Amount;

/// What a payment would cost and deliver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quote {
    /// Its URL.
    pub id: String,
    /// The URL of the wallet address that would pay.
    pub wallet_address: String,
    /// The URL of the incoming payment, as submitted.
    pub receiver: String,
    /// What arrives.
    pub receive_amount: Amount,
    /// What is paid, fees included.
    pub debit_amount: Amount,
    /// How it is delivered.
    pub method: QuoteMethod,
    /// When it was created.
    pub created_at: Timestamp,
    /// Until when a payment may be made of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// How a quoted payment is delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QuoteMethod {
    /// Over Interledger; also shown for delivery within one instance.
    #[default]
    Ilp,
}
