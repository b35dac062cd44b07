//! Decisions on packets that carry the sender's data.
//!
//! They do not reach the packet from here: the service `payments` does that, in whichever process the packet waits.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use payments::DecisionEffect;
use payments_model::partial_payment::PartialPaymentDecision;
use payments_model::{IncomingPaymentId, PartialPaymentId};

use super::liquidity::id;
use crate::api::Call;
use crate::errors::Refusal;
use crate::texts::Prose;

#[derive(InputObject)]
pub(crate) struct ConfirmPartialIncomingPaymentInput {
    incoming_payment_id: ID,
    partial_incoming_payment_id: ID,
}

#[derive(InputObject)]
pub(crate) struct RejectPartialIncomingPaymentInput {
    incoming_payment_id: ID,
    partial_incoming_payment_id: ID,
    reason: Option<Prose<1000>>,
}

#[derive(SimpleObject)]
pub(crate) struct ConfirmPartialIncomingPaymentResponse {
    success: bool,
}

#[derive(SimpleObject)]
pub(crate) struct RejectPartialIncomingPaymentResponse {
    success: bool,
}

#[derive(Default)]
pub(crate) struct PartialPaymentMutation;

#[Object]
impl PartialPaymentMutation {
    async fn confirm_partial_incoming_payment(
        &self,
        context: &Context<'_>,
        input: ConfirmPartialIncomingPaymentInput,
    ) -> Result<ConfirmPartialIncomingPaymentResponse> {
        let call = Call::of(context)?;
        let decision = PartialPaymentDecision::Accept;
        let (payment, partial) = (&input.incoming_payment_id, &input.partial_incoming_payment_id);
        Ok(ConfirmPartialIncomingPaymentResponse { success: decide(&call, payment, partial, decision).await? })
    }

    async fn reject_partial_incoming_payment(
        &self,
        context: &Context<'_>,
        input: RejectPartialIncomingPaymentInput,
    ) -> Result<RejectPartialIncomingPaymentResponse> {
        let call = Call::of(context)?;
        let reason = input.reason.as_ref().map(|reason| reason.to_string());
        let decision = PartialPaymentDecision::Reject { reason };
        let (payment, partial) = (&input.incoming_payment_id, &input.partial_incoming_payment_id);
        Ok(RejectPartialIncomingPaymentResponse { success: decide(&call, payment, partial, decision).await? })
    }
}

async fn decide(
    call: &Call<'_>,
    payment: &str,
    partial: &str,
    decision: PartialPaymentDecision,
) -> Result<bool, Refusal> {
    let payment: IncomingPaymentId = id(payment, "unknown payment")?;
    let partial: PartialPaymentId = id(partial, "unknown payment")?;
    let effect = call.payments().decide_partial_payment(call.caller, payment, partial, decision).await?;
    Ok(effect == DecisionEffect::Counts)
}
