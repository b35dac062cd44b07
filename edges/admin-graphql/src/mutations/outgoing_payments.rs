//! Outgoing payments and their funds.
//!
//! Their rules are in the crate `payments`.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use payments::{Beside, NewOutgoingPayment, PaymentOf};
use payments_model::outgoing_payment::CardDetails;
use payments_model::quote::QuoteRequest;
use payments_model::{InitiatedBy, OutgoingPayment, OutgoingPaymentId, WalletAddressId};
use payments_store::Unit;
use serde::Serialize;

use super::liquidity::{Success, done_once, done_once_noted, id};
use crate::api::Call;
use crate::errors::{Code, Refusal, nullable};
use crate::idempotency::{ClaimTime, Once, ResultNote, store_result};
use crate::rights::Outgoing;
use crate::scalars::JsonObject;
use crate::texts::{Name, Prose, UrlText};
use crate::types::amount::AmountInput;
use crate::types::outgoing_payment::{CardPaymentFailureReason, OutgoingPaymentNode};

const CARD_ONLY: &str = "the scope cards:pay allows payments with cardDetails only";
const OF_CARD_ONLY: &str = "the scope cards:pay allows cancelling payments by card only";

#[derive(InputObject, Serialize)]
pub(crate) struct CreateOutgoingPaymentInput {
    wallet_address_id: String,
    quote_id: String,
    metadata: Option<JsonObject>,
    idempotency_key: Option<Name>,
}

#[derive(InputObject, Serialize)]
pub(crate) struct CreateOutgoingPaymentFromIncomingPaymentInput {
    wallet_address_id: String,
    incoming_payment: UrlText,
    debit_amount: Option<AmountInput>,
    metadata: Option<JsonObject>,
    idempotency_key: Option<Name>,
    card_details: Option<CardDetailsInput>,
}

#[derive(Clone, InputObject, Serialize)]
pub(crate) struct CardDetailsInput {
    data: JsonObject,
    request_id: Name,
    initiated_at: String,
}

#[derive(InputObject)]
pub(crate) struct CancelOutgoingPaymentInput {
    id: ID,
    reason: Option<Prose<1000>>,
    card_payment_failure_reason: Option<CardPaymentFailureReason>,
}

#[derive(InputObject, Serialize)]
pub(crate) struct DepositOutgoingPaymentLiquidityInput {
    outgoing_payment_id: String,
    idempotency_key: Name,
    data_to_transmit: Option<String>,
}

#[derive(InputObject, Serialize)]
pub(crate) struct DepositEventLiquidityInput {
    event_id: String,
    idempotency_key: Name,
}

#[derive(InputObject, Serialize)]
pub(crate) struct WithdrawEventLiquidityInput {
    event_id: String,
    idempotency_key: Name,
}

#[derive(SimpleObject)]
pub(crate) struct OutgoingPaymentResponse {
    payment: Option<OutgoingPaymentNode>,
}

#[derive(Default)]
pub(crate) struct OutgoingPaymentMutation;

#[Object]
impl OutgoingPaymentMutation {
    async fn create_outgoing_payment(
        &self,
        context: &Context<'_>,
        input: CreateOutgoingPaymentInput,
    ) -> Result<OutgoingPaymentResponse> {
        let call = Call::of(context)?;
        let key = input.idempotency_key.as_deref();
        let mutation = call.mutation("createOutgoingPayment", key, &input)?;
        let (call, input, origin) = (&call, &input, mutation.origin());
        let act = |note: Option<ResultNote>| async move {
            let new = NewOutgoingPayment {
                wallet_address_id: id(&input.wallet_address_id, "unknown wallet address")?,
                source: PaymentOf::Quote(id(&input.quote_id, "unknown quote")?),
                client: None,
                grant: None,
                metadata: input.metadata.clone().map(|metadata| metadata.0),
                card: None,
            };
            let store = |unit: &Unit, id: OutgoingPaymentId| store_result(note.as_ref(), unit, &id);
            let created =
                call.payments().create_outgoing_payment_once(call.caller.tenant, new, origin, Beside::result(&store));
            Ok(created.await?.payment)
        };
        let once = mutation.once_noted(ClaimTime::WithResult, act, OutgoingPayment::id).await?;
        answer(call, once).await
    }

    async fn create_outgoing_payment_from_incoming_payment(
        &self,
        context: &Context<'_>,
        input: CreateOutgoingPaymentFromIncomingPaymentInput,
    ) -> Result<OutgoingPaymentResponse> {
        let call = Call::of(context)?;
        if call.outgoing.changes == Outgoing::ByCard && input.card_details.is_none() {
            return Err(Refusal::new(CARD_ONLY, Code::Forbidden).into());
        }
        let key = input.idempotency_key.as_deref();
        let mutation = call.mutation("createOutgoingPaymentFromIncomingPayment", key, &input)?;
        let act = async {
            let wallet_address_id: WalletAddressId = id(&input.wallet_address_id, "unknown wallet address")?;
            let card = input.card_details.clone().map(CardDetailsInput::read).transpose()?;
            let request = match input.debit_amount.clone() {
                Some(debit) => QuoteRequest::DebitAmount(debit.read()?),
                None => QuoteRequest::ReceiverRemainder,
            };
            let receiver = input.incoming_payment.clone().into_string();
            let new = NewOutgoingPayment {
                wallet_address_id,
                source: PaymentOf::IncomingPayment { receiver, request },
                client: None,
                grant: None,
                metadata: input.metadata.clone().map(|metadata| metadata.0),
                card,
            };
            let (tenant, origin) = (call.caller.tenant, mutation.origin());
            let created = call.payments().create_outgoing_payment_once(tenant, new, origin, Beside::nothing());
            Ok(created.await?.payment)
        };
        let once = mutation.once(act, OutgoingPayment::id).await?;

        answer(&call, once).await
    }

    async fn cancel_outgoing_payment(
        &self,
        context: &Context<'_>,
        input: CancelOutgoingPaymentInput,
    ) -> Result<OutgoingPaymentResponse> {
        let call = Call::of(context)?;
        let id = id(&input.id, "unknown payment")?;
        if call.outgoing.changes == Outgoing::ByCard {
            let found = call.reach().outgoing_payment(id).await.map_err(Refusal::from)?;
            if found.is_some_and(|payment| payment.initiated_by != InitiatedBy::Card) {
                return Err(Refusal::new(OF_CARD_ONLY, Code::Forbidden).into());
            }
        }
        let card_failure = input.card_payment_failure_reason.map(Into::into);
        let reason = input.reason.map(Prose::into_string);
        let cancelled = call.payments().cancel_outgoing_payment(call.caller.tenant, id, reason, card_failure);
        let payment = cancelled.await.map_err(Refusal::from)?;
        Ok(OutgoingPaymentResponse { payment: Some(OutgoingPaymentNode(payment)) })
    }

    async fn deposit_outgoing_payment_liquidity(
        &self,
        context: &Context<'_>,
        input: DepositOutgoingPaymentLiquidityInput,
    ) -> Success {
        nullable(async {
            let call = Call::of(context)?;
            let (call, input) = (&call, &input);
            let act = |note: Option<ResultNote>| async move {
                let payment = id(&input.outgoing_payment_id, "unknown payment")?;
                let data = input.data_to_transmit.clone();
                let store = |unit: &Unit, _: OutgoingPaymentId| store_result(note.as_ref(), unit, &());
                call.payments().fund_as_asked(call.caller.tenant, payment, data, Beside::result(&store)).await?;
                Ok(())
            };
            done_once_noted(call, "depositOutgoingPaymentLiquidity", &input.idempotency_key, input, act).await
        })
        .await
    }

    #[graphql(deprecation = "Use `depositOutgoingPaymentLiquidity`")]
    async fn deposit_event_liquidity(&self, context: &Context<'_>, input: DepositEventLiquidityInput) -> Success {
        nullable(async {
            let call = Call::of(context)?;
            let (call, input) = (&call, &input);
            let act = |note: Option<ResultNote>| async move {
                let event = input.event_id.parse().map_err(|_| invalid_transfer_id())?;
                let store = |unit: &Unit, _: OutgoingPaymentId| store_result(note.as_ref(), unit, &());
                call.payments().fund_event(call.caller, event, Beside::result(&store)).await?;
                Ok(())
            };
            done_once_noted(call, "depositEventLiquidity", &input.idempotency_key, input, act).await
        })
        .await
    }

    #[graphql(
        deprecation = "Use `createOutgoingPaymentWithdrawal, createIncomingPaymentWithdrawal, or createWalletAddressWithdrawal`"
    )]
    async fn withdraw_event_liquidity(&self, context: &Context<'_>, input: WithdrawEventLiquidityInput) -> Success {
        nullable(async {
            let call = Call::of(context)?;
            let act = async {
                let event = input.event_id.parse().map_err(|_| invalid_transfer_id())?;
                Ok(call.administration().withdraw_what_was_announced(call.caller, event).await?)
            };
            done_once(&call, "withdrawEventLiquidity", &input.idempotency_key, &input, act).await
        })
        .await
    }
}

async fn answer(call: &Call<'_>, once: Once<OutgoingPayment, OutgoingPaymentId>) -> Result<OutgoingPaymentResponse> {
    let payment = match once {
        Once::Now(payment) => Some(payment),
        Once::Before(id) => call.reach().outgoing_payment(id).await.map_err(Refusal::from)?,
    };
    Ok(OutgoingPaymentResponse { payment: payment.map(OutgoingPaymentNode) })
}

fn invalid_transfer_id() -> Refusal {
    payments_model::accounting::TransferError::InvalidId.into()
}

impl CardDetailsInput {
    fn read(self) -> Result<CardDetails, Refusal> {
        let refused = |_| Refusal::new("invalid initiatedAt", Code::BadUserInput);
        Ok(CardDetails {
            request_id: self.request_id.into_string(),
            data: serde_json::Value::Object(self.data.0),
            initiated_at: self.initiated_at.parse().map_err(refused)?,
        })
    }
}
