//! Reads how an outgoing payment went: the fee and the rates of its quote, and what became of its packets.
//!
//! Only an instance of ours tells it. Of another one nothing is known, and that is no error.

use clock::Timestamp;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::client::AdminClient;
use crate::operator::found;
use crate::operator_documents as d;
use crate::types::uint64;
use crate::{AdminError, Amount, FeeRecord};

/// How a payment went, as far as the instance tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct PaymentCourseView {
    /// What its quote promised.
    pub quote: Option<QuoteTermsView>,
    /// What became of its packets.
    pub delivery: Option<PaymentDeliveryView>,
}

/// The fee and the rates of a quote.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QuoteTermsView {
    /// The fee in the debit amount.
    pub fee_amount: Amount,
    /// The fee as it was set then; `None`: no fee.
    pub fee: Option<FeeRecord>,
    /// The part of the debit amount that is kept in case the rate gets worse.
    pub slippage_margin: Amount,
    /// The rate that was found, for whole units, as a decimal number.
    pub found_rate: Option<String>,
    /// The least rate at which packets are sent, as a decimal number.
    pub least_rate: Option<String>,
}

/// What became of the packets of a payment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentDeliveryView {
    /// What has arrived.
    pub delivered_amount: Amount,
    /// How many packets were refused, by code.
    pub rejected: Vec<RejectedView>,
    /// The answers over time, oldest first.
    pub stretches: Vec<StretchView>,
}

/// The packets that were refused with one code.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RejectedView {
    /// The code.
    pub code: String,
    /// Their number.
    #[serde(deserialize_with = "uint64::deserialize")]
    pub count: u64,
}

/// The answers in a stretch of time.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct StretchView {
    /// When the first one came.
    pub from: Timestamp,
    /// How many packets arrived.
    #[serde(deserialize_with = "uint64::deserialize")]
    pub fulfilled: u64,
    /// How many packets were refused.
    #[serde(deserialize_with = "uint64::deserialize")]
    pub rejected: u64,
    /// What was debited for those that arrived.
    #[serde(deserialize_with = "uint64::deserialize")]
    pub debited: u64,
    /// What arrived with them.
    #[serde(deserialize_with = "uint64::deserialize")]
    pub delivered: u64,
}

impl AdminClient {
    /// How an outgoing payment went. All is unknown if the instance does not tell it, or there is no such payment.
    pub async fn payment_course(&self, id: Uuid) -> Result<PaymentCourseView, AdminError> {
        match found(self.run(d::PAYMENT_COURSE, json!({"id": id}), "/outgoingPayment").await) {
            Err(AdminError::Refused { .. }) => Ok(PaymentCourseView::default()),
            answer => Ok(answer?.unwrap_or_default()),
        }
    }
}
