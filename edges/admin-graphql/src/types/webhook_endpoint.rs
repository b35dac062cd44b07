//! The endpoints that receive a tenant's events. Not in the schema of Rafiki 2.4.
//!
//! A secret is shown only once, in the answer to the mutation that makes it.

use async_graphql::{Context, ID, Object, Result};
use payments_model::webhook_endpoint::{EndpointAddress, WebhookEndpoint};

use crate::api::Call;
use crate::errors::Refusal;
use crate::scalars::UInt64;

#[derive(Clone)]
pub(crate) struct WebhookEndpointNode(WebhookEndpoint);

impl From<WebhookEndpoint> for WebhookEndpointNode {
    fn from(endpoint: WebhookEndpoint) -> Self {
        Self(endpoint)
    }
}

#[Object(name = "WebhookEndpoint")]
impl WebhookEndpointNode {
    /// The id of the endpoint. For the default endpoint it is the tenant's id.
    async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    async fn tenant_id(&self) -> ID {
        self.0.tenant_id.to_string().into()
    }

    /// Whether its URL is the tenant's setting WEBHOOK_URL, or the instance's URL if the tenant has none.
    async fn is_default(&self) -> bool {
        self.0.is_default()
    }

    /// Null for the default endpoint.
    async fn url(&self) -> Option<&str> {
        match &self.0.address {
            EndpointAddress::Default => None,
            EndpointAddress::Own(url) => Some(url.as_str()),
        }
    }

    /// The event types that it receives. If the list is empty, it receives every type.
    async fn event_types(&self) -> Vec<&'static str> {
        self.0.event_types.iter().map(|kind| kind.as_str()).collect()
    }

    /// Whether its events are signed with its own secret. Otherwise the instance's secret is used.
    async fn has_own_secret(&self) -> bool {
        self.0.secrets.current.is_some()
    }

    /// Until this time events are signed with the old secret, too.
    async fn previous_secret_until(&self) -> Option<String> {
        self.0.secrets.previous.as_ref().map(|previous| previous.until.to_string())
    }

    /// Since when it is paused; null: events are sent to it.
    async fn paused_since(&self) -> Option<String> {
        self.0.sending.paused_since().map(|since| since.to_string())
    }

    /// How many deliveries to it wait: those that were not tried yet, and those that will be tried again.
    async fn waiting_deliveries(&self, context: &Context<'_>) -> Result<UInt64> {
        let call = Call::of(context)?;
        Ok(UInt64(call.store().waiting_for(&self.0).await.map_err(Refusal::from)?))
    }

    async fn created_at(&self) -> String {
        self.0.created_at.to_string()
    }

    async fn updated_at(&self) -> String {
        self.0.updated_at.to_string()
    }
}
