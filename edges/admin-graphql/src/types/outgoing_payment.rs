//! Outgoing payments.
//! Changing them is in `mutations`.

use async_graphql::{Context, Enum, ID, InputObject, Object, Result};
use ledger::AccountId;
use payments_model::grant_limits::Spent;
use payments_model::outgoing_payment::{CardPaymentFailure, OutgoingState};
use payments_model::{OutgoingPayment, WalletAddressId};
use serde::Serialize;
use uuid::Uuid;

use crate::api::Call;
use crate::errors::{Refusal, nullable};
use crate::scalars::{JsonObject, UInt64};
use crate::types::amount::Amount;
use crate::types::delivery::OutgoingPaymentDelivery;
use crate::types::page::{FilterString, connection};
use crate::types::quote::QuoteNode;
use crate::types::tenant::{TenantNode, owner};

#[derive(Clone)]
pub(crate) struct OutgoingPaymentNode(pub(crate) OutgoingPayment);

impl From<OutgoingPayment> for OutgoingPaymentNode {
    fn from(payment: OutgoingPayment) -> Self {
        Self(payment)
    }
}

impl OutgoingPaymentNode {
    fn cursor(&self) -> String {
        self.0.id().to_string()
    }

    /// What the payment counts for the limits of its grant; `None` if nothing counts it.
    async fn spent(&self, context: &Context<'_>) -> Result<Option<Spent>> {
        if self.0.grant_id.is_none() {
            return Ok(None);
        }
        let spending = Call::of(context)?.store().spending_of(&self.0).await.map_err(Refusal::from)?;
        Ok(spending.map(|spending| spending.actual.unwrap_or(spending.reserved)))
    }
}

connection!(
    OutgoingPaymentConnection as "OutgoingPaymentConnection",
    OutgoingPaymentEdge as "OutgoingPaymentEdge",
    OutgoingPaymentNode of OutgoingPayment
);

#[derive(Clone, Debug, Default, InputObject)]
pub(crate) struct OutgoingPaymentFilter {
    receiver: Option<FilterString>,
    wallet_address_id: Option<FilterString>,
    state: Option<FilterString>,
}

impl OutgoingPaymentFilter {
    pub(crate) fn read(self) -> payments_store::OutgoingPaymentFilter {
        let (receivers, not_receivers) = FilterString::both(self.receiver);
        let (addresses, not_addresses) = FilterString::both(self.wallet_address_id);
        let (states, not_states) = FilterString::both(self.state);
        payments_store::OutgoingPaymentFilter {
            wallet_addresses: addresses.map(ids),
            not_wallet_addresses: ids(not_addresses),
            client: None,
            states,
            not_states,
            receivers,
            not_receivers,
        }
    }
}

/// A text that is no id finds no address.
pub(crate) fn ids(texts: Vec<String>) -> Vec<WalletAddressId> {
    texts.iter().map(|text| text.parse().unwrap_or(WalletAddressId::from_uuid(Uuid::nil()))).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum OutgoingPaymentState {
    Funding,
    Sending,
    Completed,
    Failed,
    Cancelled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize)]
pub(crate) enum CardPaymentFailureReason {
    #[graphql(name = "invalid_signature")]
    InvalidSignature,
    #[graphql(name = "invalid_request")]
    InvalidRequest,
}

impl From<CardPaymentFailureReason> for CardPaymentFailure {
    fn from(reason: CardPaymentFailureReason) -> Self {
        match reason {
            CardPaymentFailureReason::InvalidSignature => Self::InvalidSignature,
            CardPaymentFailureReason::InvalidRequest => Self::InvalidRequest,
        }
    }
}

#[Object(name = "OutgoingPayment")]
impl OutgoingPaymentNode {
    pub(crate) async fn id(&self) -> ID {
        self.0.id().to_string().into()
    }

    pub(crate) async fn wallet_address_id(&self) -> ID {
        self.0.quote.wallet_address_id.to_string().into()
    }

    pub(crate) async fn client(&self) -> Option<&str> {
        self.0.client.as_deref()
    }

    async fn liquidity(&self, context: &Context<'_>) -> Option<Result<UInt64>> {
        nullable(async { Ok(Call::of(context)?.balance(self.0.id()).await?.map(UInt64)) }).await
    }

    async fn state(&self) -> OutgoingPaymentState {
        match &self.0.state {
            OutgoingState::Funding => OutgoingPaymentState::Funding,
            OutgoingState::Sending(_) => OutgoingPaymentState::Sending,
            OutgoingState::Completed { .. } => OutgoingPaymentState::Completed,
            OutgoingState::Failed { .. } => OutgoingPaymentState::Failed,
            OutgoingState::Cancelled => OutgoingPaymentState::Cancelled,
        }
    }

    async fn error(&self) -> Option<&str> {
        self.0.error()
    }

    async fn state_attempts(&self) -> i32 {
        i32::try_from(self.0.state_attempts()).unwrap_or(i32::MAX)
    }

    async fn debit_amount(&self) -> Amount {
        Amount::new(self.0.quote.debit_amount, &self.0.quote.asset.asset)
    }

    async fn receive_amount(&self) -> Amount {
        Amount::from(&self.0.quote.receive_amount)
    }

    async fn receiver(&self) -> &str {
        &self.0.quote.receiver
    }

    pub(crate) async fn metadata(&self) -> Option<JsonObject> {
        self.0.metadata.clone().map(JsonObject)
    }

    async fn quote(&self) -> Option<QuoteNode> {
        Some(QuoteNode(self.0.quote.clone()))
    }

    async fn sent_amount(&self, context: &Context<'_>) -> Result<Amount> {
        let sent = if let Some(sent) = self.0.sent() {
            sent
        } else {
            let id = AccountId::from(self.0.id());
            let found = Call::of(context)?.administration().accounts(vec![id]).await.map_err(Refusal::from)?.pop();
            let debits = found.flatten().map_or(0, |account| account.debits_posted);
            u64::try_from(debits).unwrap_or(u64::MAX)
        };
        Ok(Amount::new(sent, &self.0.quote.asset.asset))
    }

    pub(crate) async fn created_at(&self) -> String {
        self.0.created_at.to_string()
    }

    async fn grant_id(&self) -> Option<&str> {
        self.0.grant_id.as_deref()
    }

    async fn spent_debit_amount(&self, context: &Context<'_>) -> Option<Result<Amount>> {
        let asset = &self.0.quote.asset.asset;
        nullable(async { Ok(self.spent(context).await?.map(|spent| Amount::new(spent.debit, asset))) }).await
    }

    async fn spent_receive_amount(&self, context: &Context<'_>) -> Option<Result<Amount>> {
        let asset = &self.0.quote.receive_amount.asset;
        nullable(async { Ok(self.spent(context).await?.map(|spent| Amount::new(spent.receive, asset))) }).await
    }

    async fn delivery(&self) -> Option<OutgoingPaymentDelivery> {
        let record = self.0.record.as_ref()?;
        let asset = &self.0.quote.receive_amount.asset;
        Some(OutgoingPaymentDelivery::of(record, asset))
    }

    async fn tenant(&self, context: &Context<'_>) -> Option<Result<TenantNode>> {
        nullable(async { owner(context, self.0.quote.tenant_id).await }).await
    }
}
