//! Payments, quotes, receivers and events.
//!
//! An id that is not a UUID finds nothing.

use async_graphql::{Context, Object, Result};
use payments::ResolveReceiverError;
use payments_model::InitiatedBy;

use crate::api::Call;
use crate::errors::{Code, Refusal, nullable};
use crate::rights::Outgoing;
use crate::types::accounting::AccountingTransferConnection;
use crate::types::incoming_payment::{IncomingPaymentConnection, IncomingPaymentFilter, IncomingPaymentNode};
use crate::types::outgoing_payment::{OutgoingPaymentConnection, OutgoingPaymentFilter, OutgoingPaymentNode};
use crate::types::page::{SortOrder, page_request};
use crate::types::payment::{PaymentConnection, PaymentFilter};
use crate::types::quote::QuoteNode;
use crate::types::receiver::ReceiverNode;
use crate::types::webhook_event::{WebhookEventFilter, WebhookEventsConnection};

#[derive(Default)]
pub(crate) struct PaymentsQuery;

#[Object]
impl PaymentsQuery {
    /// Any incoming payment, here or elsewhere, as a payer sees it.
    async fn receiver(&self, context: &Context<'_>, id: String) -> Option<Result<ReceiverNode>> {
        nullable(async {
            match Call::of(context)?.payments().resolve_receiver(&id).await {
                Ok(receiver) => Ok(Some(ReceiverNode(receiver))),
                Err(ResolveReceiverError::Unavailable(error)) => Err(Refusal::from(error).into()),
                Err(error) if error.is_transient() => Err(Refusal::away().into()),
                Err(error) => {
                    tracing::debug!(
                        error = &error as &dyn std::error::Error,
                        receiver = id,
                        "a receiver was not resolved"
                    );
                    Err(Refusal::new("receiver does not exist", Code::NotFound).into())
                }
            }
        })
        .await
    }

    /// What moved an account, given by its owner's id or, for a settlement account, by its ledger number.
    async fn accounting_transfers(
        &self,
        context: &Context<'_>,
        id: String,
        limit: Option<i32>,
    ) -> Result<AccountingTransferConnection> {
        let call = Call::of(context)?;
        let limit = usize::try_from(limit.unwrap_or(20));
        let limit = limit.map_err(|_| Refusal::new("limit must not be negative", Code::BadUserInput))?;
        let found = call.administration().account_transfers(call.caller, &id, limit).await;
        Ok(found.map_err(Refusal::from)?.into())
    }

    /// What moved some accounts last, each given as for `accountingTransfers`.
    async fn latest_transfers(
        &self,
        context: &Context<'_>,
        account_ids: Vec<String>,
        limit: i32,
    ) -> Result<Vec<AccountingTransferConnection>> {
        let call = Call::of(context)?;
        // A negative limit is refused like one of zero.
        let limit = usize::try_from(limit).unwrap_or(0);
        let found = call.administration().latest_transfers(call.caller, &account_ids, limit).await;
        Ok(found.map_err(Refusal::from)?.into_iter().map(Into::into).collect())
    }

    /// Quotes are shown to the tenant they were made for only, the operator not excepted.
    async fn quote(&self, context: &Context<'_>, id: String) -> Option<Result<QuoteNode>> {
        nullable(async {
            let unknown = || Refusal::new("quote does not exist", Code::NotFound);
            let call = Call::of(context)?;
            let id = id.parse().map_err(|_| unknown())?;
            let found = call.store().tenant(call.caller.tenant).quote(id).await.map_err(Refusal::from)?;
            Ok(Some(QuoteNode(found.ok_or_else(unknown)?)))
        })
        .await
    }

    async fn outgoing_payment(&self, context: &Context<'_>, id: String) -> Option<Result<OutgoingPaymentNode>> {
        nullable(async {
            let unknown = || Refusal::new("payment does not exist", Code::NotFound);
            let id = id.parse().map_err(|_| unknown())?;
            let call = Call::of(context)?;
            let found = call.reach().outgoing_payment(id).await.map_err(Refusal::from)?;
            let shown = found
                .filter(|payment| call.outgoing.reads == Outgoing::All || payment.initiated_by == InitiatedBy::Card);
            Ok(Some(OutgoingPaymentNode(shown.ok_or_else(unknown)?)))
        })
        .await
    }

    #[expect(clippy::too_many_arguments, reason = "the arguments of the schema")]
    async fn outgoing_payments(
        &self,
        context: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
        sort_order: Option<SortOrder>,
        filter: Option<OutgoingPaymentFilter>,
        tenant_id: Option<String>,
    ) -> Result<OutgoingPaymentConnection> {
        let request = page_request(after, before, first, last, sort_order).map_err(Refusal::from)?;
        let scope = Call::of(context)?.list(tenant_id.as_deref());
        let filter = filter.unwrap_or_default().read();
        Ok(scope.outgoing_payments(&filter, request).await.map_err(Refusal::from)?.into())
    }

    async fn incoming_payment(&self, context: &Context<'_>, id: String) -> Option<Result<IncomingPaymentNode>> {
        nullable(async {
            let unknown = || Refusal::new("payment does not exist", Code::NotFound);
            let id = id.parse().map_err(|_| unknown())?;
            let found = Call::of(context)?.reach().incoming_payment(id).await.map_err(Refusal::from)?;
            Ok(Some(IncomingPaymentNode(found.ok_or_else(unknown)?)))
        })
        .await
    }

    #[expect(clippy::too_many_arguments, reason = "the arguments of the schema")]
    async fn incoming_payments(
        &self,
        context: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
        sort_order: Option<SortOrder>,
        filter: Option<IncomingPaymentFilter>,
        tenant_id: Option<String>,
    ) -> Result<IncomingPaymentConnection> {
        let request = page_request(after, before, first, last, sort_order).map_err(Refusal::from)?;
        let scope = Call::of(context)?.list(tenant_id.as_deref());
        let filter = filter.unwrap_or_default().read()?;
        Ok(scope.incoming_payments(&filter, request).await.map_err(Refusal::from)?.into())
    }

    /// Both kinds in one list.
    #[expect(clippy::too_many_arguments, reason = "the arguments of the schema")]
    async fn payments(
        &self,
        context: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
        sort_order: Option<SortOrder>,
        filter: Option<PaymentFilter>,
        tenant_id: Option<String>,
    ) -> Result<PaymentConnection> {
        let request = page_request(after, before, first, last, sort_order).map_err(Refusal::from)?;
        let scope = Call::of(context)?.list(tenant_id.as_deref());
        let filter = filter.unwrap_or_default().read();
        Ok(scope.payments(&filter, request).await.map_err(Refusal::from)?.into())
    }

    #[expect(clippy::too_many_arguments, reason = "the arguments of the schema")]
    async fn webhook_events(
        &self,
        context: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
        sort_order: Option<SortOrder>,
        filter: Option<WebhookEventFilter>,
        tenant_id: Option<String>,
    ) -> Result<WebhookEventsConnection> {
        let request = page_request(after, before, first, last, sort_order).map_err(Refusal::from)?;
        let scope = Call::of(context)?.list(tenant_id.as_deref());
        let filter = filter.unwrap_or_default().read();
        Ok(scope.webhook_events(&filter, request).await.map_err(Refusal::from)?.into())
    }
}
