//! Incoming payments.
//! Changing them is in `mutations`.

use async_graphql::{Context, Enum, ID, InputObject, Object, Result};
use ledger::AccountId;
use payments_model::incoming_payment::{Decision, IncomingState};
use payments_model::{IncomingPayment, InitiatedBy};

use crate::api::Call;
use crate::errors::{Refusal, nullable};
use crate::scalars::{JsonObject, UInt64, instant};
use crate::texts::Name;
use crate::types::amount::Amount;
use crate::types::page::{FilterString, connection};
use crate::types::tenant::{TenantNode, owner};

#[derive(Clone)]
pub(crate) struct IncomingPaymentNode(pub(crate) IncomingPayment);

impl From<IncomingPayment> for IncomingPaymentNode {
    fn from(payment: IncomingPayment) -> Self {
        Self(payment)
    }
}

impl IncomingPaymentNode {
    fn cursor(&self) -> String {
        self.0.id.to_string()
    }
}

connection!(
    IncomingPaymentConnection as "IncomingPaymentConnection",
    IncomingPaymentEdge as "IncomingPaymentEdge",
    IncomingPaymentNode of IncomingPayment
);

#[derive(Clone, Debug, Default, InputObject)]
pub(crate) struct IncomingPaymentFilter {
    initiated_by: Option<FilterString>,
    /// Payments in these states, or not in these.
    state: Option<FilterString>,
    /// Payments that were created at this time or later.
    from: Option<Name>,
    /// Payments that were created before this time.
    to: Option<Name>,
}

impl IncomingPaymentFilter {
    /// Which payments are meant; an unknown name selects nothing and excludes nothing.
    pub(crate) fn read(self) -> Result<payments_store::IncomingPaymentFilter, Refusal> {
        const ALL: [InitiatedBy; 3] = [InitiatedBy::Card, InitiatedBy::OpenPayments, InitiatedBy::Admin];
        let (only, not) = FilterString::both(self.initiated_by);
        let unrestricted = only.is_none() && not.is_empty();
        let selected = ALL.into_iter().filter(|by| {
            let named = |names: &[String]| names.iter().any(|name| name == by.as_str());
            only.as_deref().is_none_or(named) && !named(&not)
        });
        let (states, not_states) = FilterString::both(self.state);
        Ok(payments_store::IncomingPaymentFilter {
            initiated_by: (!unrestricted).then(|| selected.collect()),
            states,
            not_states,
            from: self.from.as_deref().map(instant).transpose()?,
            to: self.to.as_deref().map(instant).transpose()?,
            ..payments_store::IncomingPaymentFilter::default()
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum IncomingPaymentState {
    Pending,
    Processing,
    Completed,
    Expired,
}

impl From<IncomingState> for IncomingPaymentState {
    fn from(state: IncomingState) -> Self {
        match state {
            IncomingState::Pending => Self::Pending,
            IncomingState::Processing => Self::Processing,
            IncomingState::Completed => Self::Completed,
            IncomingState::Expired { .. } => Self::Expired,
        }
    }
}

#[Object(name = "IncomingPayment")]
impl IncomingPaymentNode {
    pub(crate) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    async fn url(&self, context: &Context<'_>) -> Result<String> {
        let settings = Call::of(context)?.payments().settings();
        Ok(settings.resource_url(self.0.tenant_id, "incoming-payments", self.0.id))
    }

    pub(crate) async fn wallet_address_id(&self) -> ID {
        self.0.wallet_address_id.to_string().into()
    }

    pub(crate) async fn client(&self) -> Option<&str> {
        self.0.client.as_deref()
    }

    async fn liquidity(&self, context: &Context<'_>) -> Option<Result<UInt64>> {
        nullable(async { Ok(Call::of(context)?.balance(self.0.id).await?.map(UInt64)) }).await
    }

    async fn state(&self) -> IncomingPaymentState {
        self.0.state.into()
    }

    async fn expires_at(&self) -> String {
        self.0.expires_at.to_string()
    }

    async fn incoming_amount(&self) -> Option<Amount> {
        self.0.incoming_amount.map(|value| Amount::new(value, &self.0.asset.asset))
    }

    async fn received_amount(&self, context: &Context<'_>) -> Result<Amount> {
        let id = AccountId::from(self.0.id);
        let account = Call::of(context)?.administration().accounts(vec![id]).await.map_err(Refusal::from)?.pop();
        let received = account.flatten().map_or(0, |account| account.credits_posted);
        Ok(Amount::new(u64::try_from(received).unwrap_or(u64::MAX), &self.0.asset.asset))
    }

    pub(crate) async fn metadata(&self) -> Option<JsonObject> {
        self.0.metadata.clone().map(JsonObject)
    }

    pub(crate) async fn created_at(&self) -> String {
        self.0.created_at.to_string()
    }

    async fn sender_wallet_address(&self) -> Option<&str> {
        self.0.sender_wallet_address.as_deref()
    }

    async fn tenant(&self, context: &Context<'_>) -> Option<Result<TenantNode>> {
        nullable(async { owner(context, self.0.tenant_id).await }).await
    }

    async fn cancellation_reason(&self) -> Option<&str> {
        match &self.0.decision {
            Some(Decision::Cancelled { reason, .. }) => reason.as_deref(),
            _ => None,
        }
    }

    async fn cancelled_at(&self) -> Option<String> {
        match &self.0.decision {
            Some(Decision::Cancelled { at, .. }) => Some(at.to_string()),
            _ => None,
        }
    }
}
