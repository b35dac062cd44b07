//! The account-servicing entity's decision about money that came with data.
//!
//! How packets wait for it is in `partial_payments`.

use payments_model::partial_payment::PartialPaymentDecision;
use payments_model::{IncomingPaymentId, PartialPaymentId};

use crate::administration::Caller;
use crate::incoming::partial_payments::ANSWERS;
use crate::service::Payments;
use crate::unavailable::Unavailable;

/// Why a decision has no effect.
#[derive(Debug, thiserror::Error)]
pub enum DecidePartialPaymentError {
    /// The tenant does not have this payment.
    #[error("unknown payment")]
    UnknownPayment,
    /// The payment has ended.
    #[error("invalid state")]
    WrongState,
    /// The database did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Whether a decision has an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecisionEffect {
    /// It has an effect, or it repeats the first decision.
    Counts,
    /// It has no effect: it is too late, another decision was made before, or there is no such question.
    None,
}

impl Payments {
    /// Records the entity's decision about money that came with data.
    pub async fn decide_partial_payment(
        &self,
        caller: Caller,
        payment: IncomingPaymentId,
        partial: PartialPaymentId,
        decision: PartialPaymentDecision,
    ) -> Result<DecisionEffect, DecidePartialPaymentError> {
        use DecidePartialPaymentError as Refused;
        let found = caller.reach(self.store()).incoming_payment(payment).await.map_err(Unavailable::from)?;
        let found = found.ok_or(Refused::UnknownPayment)?;
        if !found.is_open() {
            return Err(Refused::WrongState);
        }

        let unit = self.begin().await?;
        let scope = unit.tenant(found.tenant_id);
        let locked = scope.locked_partial_payment(partial).await.map_err(Unavailable::from)?;
        let Some(locked) = locked.filter(|question| question.payment == payment) else {
            return Ok(DecisionEffect::None);
        };
        let Ok(decided) = locked.try_map(|question| question.decide(decision, self.now())) else {
            return Ok(DecisionEffect::None);
        };

        scope.update_partial_payment(&decided);
        unit.transaction().wake_on_commit(ANSWERS);
        unit.commit().await.map_err(Unavailable::from)?;
        Ok(DecisionEffect::Counts)
    }
}
