//! Deliveries of events, and the endpoints that receive them.
//! Changing them is in `mutations`.

use async_graphql::{Context, Object, Result};

use crate::api::Call;
use crate::errors::{Code, Refusal, nullable};
use crate::types::page::{SortOrder, page_request};
use crate::types::webhook_delivery::{WebhookDeliveriesConnection, WebhookDeliveryFilter, WebhookDeliveryNode};
use crate::types::webhook_endpoint::WebhookEndpointNode;

#[derive(Default)]
pub(crate) struct WebhooksQuery;

#[Object]
impl WebhooksQuery {
    /// Deliveries of events. A tenant sees the deliveries to itself.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a list")]
    async fn webhook_deliveries(
        &self,
        context: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
        sort_order: Option<SortOrder>,
        filter: Option<WebhookDeliveryFilter>,
        tenant_id: Option<String>,
    ) -> Result<WebhookDeliveriesConnection> {
        let request = page_request(after, before, first, last, sort_order).map_err(Refusal::from)?;
        let filter = filter.unwrap_or_default().read()?;
        let scope = Call::of(context)?.list(tenant_id.as_deref());
        Ok(scope.webhook_deliveries(&filter, request).await.map_err(Refusal::from)?.into())
    }

    /// One delivery of an event.
    async fn webhook_delivery(&self, context: &Context<'_>, id: String) -> Option<Result<WebhookDeliveryNode>> {
        nullable(async {
            let unknown = || Refusal::new("unknown webhook delivery", Code::NotFound);
            let id = id.parse().map_err(|_| unknown())?;
            let found = Call::of(context)?.reach().webhook_delivery(id).await.map_err(Refusal::from)?;
            Ok(Some(WebhookDeliveryNode(found.ok_or_else(unknown)?)))
        })
        .await
    }

    /// The endpoints of the caller, or of the named tenant if the caller is the operator. The default endpoint is first.
    async fn webhook_endpoints(
        &self,
        context: &Context<'_>,
        tenant_id: Option<String>,
    ) -> Result<Vec<WebhookEndpointNode>> {
        let call = Call::of(context)?;
        let tenant = call.list(tenant_id.as_deref()).tenant_id().unwrap_or(call.caller.tenant);
        let all = call.parts.webhooks.endpoints(tenant).await.map_err(Refusal::from)?;
        Ok(all.into_iter().map(WebhookEndpointNode::from).collect())
    }
}
