//! Decisions on packets that carry the sender's data.
//!
//! The packet waits in the connector, perhaps of another process; the decision reaches it through the shared cache.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use payments::PartialPaymentDecision;
use payments_model::IncomingPaymentId;
use uuid::Uuid;

use super::liquidity::id;
use crate::api::Call;
use crate::errors::{Code, Refusal};
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
        let decision = PartialPaymentDecision { success: true, reason: None };
        let (payment, partial) = (&input.incoming_payment_id, &input.partial_incoming_payment_id);
        Ok(ConfirmPartialIncomingPaymentResponse { success: decide(&call, payment, partial, &decision).await? })
    }

    async fn reject_partial_incoming_payment(
        &self,
        context: &Context<'_>,
        input: RejectPartialIncomingPaymentInput,
    ) -> Result<RejectPartialIncomingPaymentResponse> {
        let call = Call::of(context)?;
        let reason = input.reason.as_ref().map(|reason| reason.to_string());
        let decision = PartialPaymentDecision { success: false, reason };
        let (payment, partial) = (&input.incoming_payment_id, &input.partial_incoming_payment_id);
        Ok(RejectPartialIncomingPaymentResponse { success: decide(&call, payment, partial, &decision).await? })
    }
}

async fn decide(
    call: &Call<'_>,
    payment: &str,
    partial: &str,
    decision: &PartialPaymentDecision,
) -> Result<bool, Refusal> {
    let payment: IncomingPaymentId = id(payment, "unknown payment")?;
    let partial: Uuid = id(partial, "unknown payment")?;
    let found = call.reach().incoming_payment(payment).await?;
    let found = found.ok_or_else(|| Refusal::new("unknown payment", Code::NotFound))?;
    if !found.is_open() {
        return Err(Refusal::new("invalid state", Code::BadUserInput));
    }
    call.payments().decide_partial_payment(payment, partial, decision).await.or_else(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "a decision was not recorded");
        Ok(false)
    })
}
