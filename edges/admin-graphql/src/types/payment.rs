//! Incoming and outgoing payments in one list.
//! The two kinds are in `incoming_payment` and `outgoing_payment`.

use async_graphql::{Context, Enum, ID, InputObject, Object, Result};
use payments_store::{AnyPayment, PaymentKind};

use crate::api::Call;
use crate::errors::nullable;
use crate::scalars::{JsonObject, UInt64};
use crate::types::amount::Amount;
use crate::types::outgoing_payment::ids;
use crate::types::page::{FilterString, connection};
use crate::types::tenant::{TenantNode, owner};

#[derive(Clone)]
pub(crate) struct PaymentNode(AnyPayment);

impl From<AnyPayment> for PaymentNode {
    fn from(payment: AnyPayment) -> Self {
        Self(payment)
    }
}

impl PaymentNode {
    fn cursor(&self) -> String {
        match &self.0 {
            AnyPayment::Incoming(payment) => payment.id.to_string(),
            AnyPayment::Outgoing(payment) => payment.id().to_string(),
        }
    }
}

connection!(PaymentConnection as "PaymentConnection", PaymentEdge as "PaymentEdge", PaymentNode of AnyPayment);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum PaymentType {
    Incoming,
    Outgoing,
}

#[derive(Clone, Debug, Default, InputObject)]
pub(crate) struct PaymentFilter {
    #[graphql(name = "type")]
    kind: Option<FilterString>,
    wallet_address_id: Option<FilterString>,
}

impl PaymentFilter {
    /// Which payments are meant; an unknown name selects nothing and excludes nothing.
    pub(crate) fn read(self) -> payments_store::PaymentFilter {
        const ALL: [(PaymentKind, &str); 2] =
            [(PaymentKind::Incoming, "INCOMING"), (PaymentKind::Outgoing, "OUTGOING")];
        let (only, not) = FilterString::both(self.kind);
        let (addresses, not_addresses) = FilterString::both(self.wallet_address_id);
        let selected = ALL.into_iter().filter(|(_, name)| {
            let named = |names: &[String]| names.iter().any(|given| given == name);
            only.as_deref().is_none_or(named) && !named(&not)
        });
        payments_store::PaymentFilter {
            kinds: selected.map(|(kind, _)| kind).collect(),
            wallet_addresses: addresses.map(ids),
            not_wallet_addresses: ids(not_addresses),
        }
    }
}

#[Object(name = "Payment")]
impl PaymentNode {
    pub(crate) async fn id(&self) -> ID {
        self.cursor().into()
    }

    #[graphql(name = "type")]
    async fn kind(&self) -> PaymentType {
        match &self.0 {
            AnyPayment::Incoming(_) => PaymentType::Incoming,
            AnyPayment::Outgoing(_) => PaymentType::Outgoing,
        }
    }

    pub(crate) async fn wallet_address_id(&self) -> ID {
        let id = match &self.0 {
            AnyPayment::Incoming(payment) => payment.wallet_address_id,
            AnyPayment::Outgoing(payment) => payment.quote.wallet_address_id,
        };
        id.to_string().into()
    }

    pub(crate) async fn client(&self) -> Option<&str> {
        match &self.0 {
            AnyPayment::Incoming(payment) => payment.client.as_deref(),
            AnyPayment::Outgoing(payment) => payment.client.as_deref(),
        }
    }

    async fn state(&self) -> &'static str {
        match &self.0 {
            AnyPayment::Incoming(payment) => payment.state.as_str(),
            AnyPayment::Outgoing(payment) => payment.state.as_str(),
        }
    }

    /// What an outgoing payment debits. What an incoming payment has received once it has ended, and what it expects before;
    /// null: any amount.
    async fn amount(&self) -> Option<Amount> {
        match &self.0 {
            AnyPayment::Incoming(payment) => {
                payment.settled_or_expected().map(|value| Amount::new(value, &payment.asset.asset))
            }
            AnyPayment::Outgoing(payment) => Some(Amount::new(payment.quote.debit_amount, &payment.quote.asset.asset)),
        }
    }

    async fn liquidity(&self, context: &Context<'_>) -> Option<Result<UInt64>> {
        nullable(async {
            let call = Call::of(context)?;
            let balance = match &self.0 {
                AnyPayment::Incoming(payment) => call.balance(payment.id).await?,
                AnyPayment::Outgoing(payment) => call.balance(payment.id()).await?,
            };
            Ok(balance.map(UInt64))
        })
        .await
    }

    pub(crate) async fn metadata(&self) -> Option<JsonObject> {
        match &self.0 {
            AnyPayment::Incoming(payment) => payment.metadata.clone().map(JsonObject),
            AnyPayment::Outgoing(payment) => payment.metadata.clone().map(JsonObject),
        }
    }

    pub(crate) async fn created_at(&self) -> String {
        match &self.0 {
            AnyPayment::Incoming(payment) => payment.created_at.to_string(),
            AnyPayment::Outgoing(payment) => payment.created_at.to_string(),
        }
    }

    async fn tenant(&self, context: &Context<'_>) -> Option<Result<TenantNode>> {
        nullable(async {
            let tenant = match &self.0 {
                AnyPayment::Incoming(payment) => payment.tenant_id,
                AnyPayment::Outgoing(payment) => payment.quote.tenant_id,
            };
            owner(context, tenant).await
        })
        .await
    }
}
