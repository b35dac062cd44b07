//! `GET /quotes/{id}` and the answer to creating one (Open Payments resource server API).
//! The request that creates one is in `create_quote`.

use clock::Timestamp;
use serde::{Deserialize, Serialize};

use crate::amount::Amount;

/// The cost and the delivered amount of a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quote {
    /// Its URL.
    pub id: String,
    /// The URL of the wallet address that would pay.
    pub wallet_address: String,
    /// The URL of the incoming payment, as submitted.
    pub receiver: String,
    /// The amount that arrives.
    pub receive_amount: Amount,
    /// The amount that is paid, with fees.
    pub debit_amount: Amount,
    /// The payment method.
    pub method: QuoteMethod,
    /// When it was created.
    pub created_at: Timestamp,
    /// The time at which it expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// The payment method of a quote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QuoteMethod {
    /// Interledger. It is also shown for delivery within one instance.
    #[default]
    Ilp,
}
