//! Incoming payments: created, changed and decided.
//!
//! Their rules are in the crate `payments`.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use clock::Timestamp;
use payments::{Beside, NewIncomingPayment};
use payments_model::{IncomingPaymentId, InitiatedBy};
use payments_store::Unit;
use serde::Serialize;

use super::liquidity::id;
use crate::api::Call;
use crate::errors::{Code, Refusal};
use crate::idempotency::{ClaimTime, Once, ResultNote, store_result};
use crate::scalars::JsonObject;
use crate::texts::{Name, Prose, UrlText};
use crate::types::amount::AmountInput;
use crate::types::incoming_payment::IncomingPaymentNode;

#[derive(InputObject, Serialize)]
pub(crate) struct CreateIncomingPaymentInput {
    wallet_address_id: String,
    expires_at: Option<String>,
    metadata: Option<JsonObject>,
    incoming_amount: Option<AmountInput>,
    idempotency_key: Option<Name>,
    is_card_payment: Option<bool>,
    sender_wallet_address: Option<UrlText>,
}

#[derive(InputObject)]
pub(crate) struct UpdateIncomingPaymentInput {
    id: ID,
    metadata: JsonObject,
}

#[derive(InputObject)]
pub(crate) struct ApproveIncomingPaymentInput {
    id: ID,
}

#[derive(InputObject)]
pub(crate) struct CancelIncomingPaymentInput {
    id: ID,
    cancellation_reason: Option<Prose<1000>>,
}

#[derive(SimpleObject)]
pub(crate) struct IncomingPaymentResponse {
    payment: Option<IncomingPaymentNode>,
}

#[derive(SimpleObject)]
pub(crate) struct ApproveIncomingPaymentResponse {
    payment: Option<IncomingPaymentNode>,
}

#[derive(SimpleObject)]
pub(crate) struct CancelIncomingPaymentResponse {
    payment: Option<IncomingPaymentNode>,
}

#[derive(Default)]
pub(crate) struct IncomingPaymentMutation;

#[Object]
impl IncomingPaymentMutation {
    async fn create_incoming_payment(
        &self,
        context: &Context<'_>,
        input: CreateIncomingPaymentInput,
    ) -> Result<IncomingPaymentResponse> {
        let call = Call::of(context)?;
        let key = input.idempotency_key.as_deref();
        let mutation = call.mutation("createIncomingPayment", key, &input)?;
        let (call, input, origin) = (&call, &input, mutation.origin());
        let act = |note: Option<ResultNote>| async move {
            let by_card = input.is_card_payment == Some(true);
            if by_card && !call.caller.is_operator {
                tracing::warn!(tenant.id = %call.caller.tenant, "only the operator may set isCardPayment; it is ignored");
            }
            let by_card = by_card && call.caller.is_operator;
            let new = NewIncomingPayment {
                wallet_address_id: id(&input.wallet_address_id, "unknown wallet address")?,
                incoming_amount: input.incoming_amount.clone().map(AmountInput::read).transpose()?,
                expires_at: expiry(input.expires_at.as_deref())?,
                metadata: input.metadata.clone().map(|metadata| metadata.0),
                client: None,
                initiated_by: if by_card { InitiatedBy::Card } else { InitiatedBy::Admin },
                sender_wallet_address: input.sender_wallet_address.clone().map(UrlText::into_string),
            };
            let store = |unit: &Unit, id: IncomingPaymentId| store_result(note.as_ref(), unit, &id);
            let (tenant, beside) = (call.caller.tenant, Beside::result(&store));
            Ok(call.payments().create_incoming_payment_once(tenant, new, origin, beside).await?)
        };

        // A payment that waits for its approval may still be refused, and then the key is free again.
        let claim = if call.payments().settings().incoming_approval.is_some() {
            ClaimTime::Before
        } else {
            ClaimTime::WithResult
        };
        let payment = match mutation.once_noted(claim, act, |payment| payment.id).await? {
            Once::Now(payment) => Some(payment),
            Once::Before(id) => call.reach().incoming_payment(id).await.map_err(Refusal::from)?,
        };
        Ok(IncomingPaymentResponse { payment: payment.map(IncomingPaymentNode) })
    }

    async fn update_incoming_payment(
        &self,
        context: &Context<'_>,
        input: UpdateIncomingPaymentInput,
    ) -> Result<IncomingPaymentResponse> {
        let call = Call::of(context)?;
        let id: IncomingPaymentId = id(&input.id, "unknown payment")?;
        let changed = call.payments().update_incoming_payment_metadata(call.caller, id, Some(input.metadata.0));
        let payment = changed.await.map_err(Refusal::from)?;
        Ok(IncomingPaymentResponse { payment: Some(IncomingPaymentNode(payment)) })
    }

    async fn approve_incoming_payment(
        &self,
        context: &Context<'_>,
        input: ApproveIncomingPaymentInput,
    ) -> Result<ApproveIncomingPaymentResponse> {
        let call = Call::of(context)?;
        let id = id(&input.id, "unknown payment")?;
        let approved = call.payments().approve_incoming_payment(call.caller.tenant, id).await;
        Ok(ApproveIncomingPaymentResponse { payment: Some(IncomingPaymentNode(approved.map_err(Refusal::from)?)) })
    }

    async fn cancel_incoming_payment(
        &self,
        context: &Context<'_>,
        input: CancelIncomingPaymentInput,
    ) -> Result<CancelIncomingPaymentResponse> {
        let call = Call::of(context)?;
        let id = id(&input.id, "unknown payment")?;
        let reason = input.cancellation_reason.map(Prose::into_string);
        let cancelled = call.payments().cancel_incoming_payment(call.caller.tenant, id, reason);
        let payment = cancelled.await.map_err(Refusal::from)?;
        Ok(CancelIncomingPaymentResponse { payment: Some(IncomingPaymentNode(payment)) })
    }
}

/// An instant given as text.
pub(super) fn expiry(given: Option<&str>) -> Result<Option<Timestamp>, Refusal> {
    let refused = |_| Refusal::new("invalid expiresAt", Code::BadUserInput);
    given.map(|text| text.parse().map_err(refused)).transpose()
}
