//! Decisions on packets that carry the sender's data.
//!
//! The packet waits in a connector, possibly in another process. The decision reaches it through the shared cache.

use std::time::Duration;

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use bytes::Bytes;
use payments_model::IncomingPaymentId;
use serde_json::json;
use uuid::Uuid;

use super::liquidity::id;
use crate::api::Call;
use crate::errors::{Code, Refusal};
use crate::texts::Prose;

/// Longer than any packet waits.
const DECISION_LIFE: Duration = Duration::from_mins(1);

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
        let decision = json!({ "success": true });
        let (payment, partial) = (&input.incoming_payment_id, &input.partial_incoming_payment_id);
        Ok(ConfirmPartialIncomingPaymentResponse { success: decide(&call, payment, partial, &decision).await? })
    }

    async fn reject_partial_incoming_payment(
        &self,
        context: &Context<'_>,
        input: RejectPartialIncomingPaymentInput,
    ) -> Result<RejectPartialIncomingPaymentResponse> {
        let call = Call::of(context)?;
        let decision = match &input.reason {
            Some(reason) => json!({ "success": false, "reason": reason }),
            None => json!({ "success": false }),
        };
        let (payment, partial) = (&input.incoming_payment_id, &input.partial_incoming_payment_id);
        Ok(RejectPartialIncomingPaymentResponse { success: decide(&call, payment, partial, &decision).await? })
    }
}

async fn decide(call: &Call<'_>, payment: &str, partial: &str, decision: &serde_json::Value) -> Result<bool, Refusal> {
    let payment: IncomingPaymentId = id(payment, "unknown payment")?;
    let partial: Uuid = id(partial, "unknown payment")?;
    let found = call.reach().incoming_payment(payment).await?;
    let found = found.ok_or_else(|| Refusal::new("unknown payment", Code::NotFound))?;
    if !found.is_open() {
        return Err(Refusal::new("invalid state", Code::BadUserInput));
    }
    let key = format!("partial_payment_decision:{payment}:{partial}");
    let told = call.parts.cache.publish(&key, Bytes::from(decision.to_string()), DECISION_LIFE).await;
    if let Err(error) = &told {
        tracing::error!(error = error as &dyn std::error::Error, "a decision was not recorded");
    }
    Ok(told.is_ok())
}
