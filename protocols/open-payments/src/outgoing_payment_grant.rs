//! `GET /outgoing-payment-grant` (Open Payments resource server API): the amounts that a grant has spent.
//! The limits of a grant are in `gnap`.

use serde::{Deserialize, Serialize};

use crate::amount::Amount;

/// The amounts that were spent under a grant, in its present interval if it has one. Both members are always written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutgoingPaymentGrant {
    /// In the payer's asset; `null` if nothing was recorded.
    pub spent_debit_amount: Option<Amount>,
    /// In the receivers' asset; `null` if nothing was recorded.
    pub spent_receive_amount: Option<Amount>,
}
