//! Receivers and quotes.
//!
//! Their rules are in the crate `payments`.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};
use payments::{NewQuote, NewReceiver};
use payments_model::quote::QuoteRequest;
use serde::Serialize;

use super::incoming_payments::expiry;
use super::liquidity::id;
use crate::api::Call;
use crate::errors::{Code, Refusal};
use crate::idempotency::Once;
use crate::scalars::JsonObject;
use crate::texts::{Name, UrlText};
use crate::types::amount::AmountInput;
use crate::types::quote::QuoteNode;
use crate::types::receiver::ReceiverNode;

#[derive(InputObject, Serialize)]
pub(crate) struct CreateReceiverInput {
    wallet_address_url: UrlText,
    expires_at: Option<String>,
    incoming_amount: Option<AmountInput>,
    metadata: Option<JsonObject>,
    idempotency_key: Option<Name>,
}

#[derive(InputObject)]
pub(crate) struct CompleteReceiverInput {
    incoming_payment_url: UrlText,
}

#[derive(InputObject, Serialize)]
pub(crate) struct CreateQuoteInput {
    wallet_address_id: String,
    debit_amount: Option<AmountInput>,
    receive_amount: Option<AmountInput>,
    receiver: UrlText,
    idempotency_key: Option<Name>,
}

#[derive(SimpleObject)]
pub(crate) struct CreateReceiverResponse {
    receiver: Option<ReceiverNode>,
}

#[derive(SimpleObject)]
pub(crate) struct CompleteReceiverResponse {
    receiver: Option<ReceiverNode>,
}

#[derive(SimpleObject)]
pub(crate) struct QuoteResponse {
    quote: Option<QuoteNode>,
}

#[derive(Default)]
pub(crate) struct ReceiverMutation;

#[Object]
impl ReceiverMutation {
    async fn create_receiver(
        &self,
        context: &Context<'_>,
        input: CreateReceiverInput,
    ) -> Result<CreateReceiverResponse> {
        let call = Call::of(context)?;
        let key = input.idempotency_key.as_deref();
        let mutation = call.mutation("createReceiver", key, &input)?;
        let act = async {
            let new = NewReceiver {
                wallet_address_url: input.wallet_address_url.clone().into_string(),
                incoming_amount: input.incoming_amount.clone().map(AmountInput::read).transpose()?,
                expires_at: expiry(input.expires_at.as_deref())?,
                metadata: input.metadata.clone().map(|metadata| metadata.0),
            };
            Ok(call.payments().create_receiver_once(call.caller.tenant, new, mutation.origin()).await?)
        };
        let receiver = match mutation.once(act, |receiver| receiver.url.clone()).await? {
            Once::Now(receiver) => Some(receiver),
            Once::Before(url) => call.payments().resolve_receiver(&url).await.ok(),
        };
        Ok(CreateReceiverResponse { receiver: receiver.map(ReceiverNode) })
    }

    async fn complete_receiver(
        &self,
        context: &Context<'_>,
        input: CompleteReceiverInput,
    ) -> Result<CompleteReceiverResponse> {
        let call = Call::of(context)?;
        let completed = call.payments().complete_receiver(call.caller, &input.incoming_payment_url).await;
        Ok(CompleteReceiverResponse { receiver: Some(ReceiverNode(completed.map_err(Refusal::from)?)) })
    }

    async fn create_quote(&self, context: &Context<'_>, input: CreateQuoteInput) -> Result<QuoteResponse> {
        let call = Call::of(context)?;
        let key = input.idempotency_key.as_deref();
        let mutation = call.mutation("createQuote", key, &input)?;
        let act = async {
            let request = match (input.debit_amount.clone(), input.receive_amount.clone()) {
                (Some(_), Some(_)) => return Err(Refusal::new("invalid amount", Code::BadUserInput)),
                (Some(debit), None) => QuoteRequest::DebitAmount(debit.read()?),
                (None, Some(receive)) => QuoteRequest::ReceiveAmount(receive.read()?),
                (None, None) => QuoteRequest::ReceiverRemainder,
            };
            let new = NewQuote {
                wallet_address_id: id(&input.wallet_address_id, "unknown wallet address")?,
                receiver: input.receiver.clone().into_string(),
                request,
                client: None,
            };
            Ok(call.payments().create_quote_once(call.caller.tenant, new, mutation.origin()).await?)
        };
        let quote = match mutation.once(act, |quote| quote.id).await? {
            Once::Now(quote) => Some(quote),
            Once::Before(id) => call.store().tenant(call.caller.tenant).quote(id).await.map_err(Refusal::from)?,
        };
        Ok(QuoteResponse { quote: quote.map(QuoteNode) })
    }
}
