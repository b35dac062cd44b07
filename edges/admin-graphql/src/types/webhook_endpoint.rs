//! The endpoints that receive a tenant's events. Not in the schema of Rafiki 2.4.
//!
//! A secret is shown only once, in the answer to the mutation that makes it.

use async_graphql::{ID, Object};
use payments_model::webhook_endpoint::{EndpointAddress, WebhookEndpoint};

#[derive(Clone)]
pub(crate) struct WebhookEndpointNode(WebhookEndpoint);

impl From<WebhookEndpoint> for WebhookEndpointNode {
    fn from(endpoint: WebhookEndpoint) -> Self {
        Self(endpoint)
    }
}

#[Object(name = "WebhookEndpoint")]
impl WebhookEndpointNode {
    /// That of the tenant for its default endpoint.
    async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    async fn tenant_id(&self) -> ID {
        self.0.tenant_id.to_string().into()
    }

    /// Whether it is where the tenant's setting WEBHOOK_URL says, or else that of the instance.
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

    /// The types it is told of; every type if the list is empty.
    async fn event_types(&self) -> Vec<&'static str> {
        self.0.event_types.iter().map(|kind| kind.as_str()).collect()
    }

    /// Whether its events are signed with a secret of its own, and not with that of the instance.
    async fn has_own_secret(&self) -> bool {
        self.0.secrets.current.is_some()
    }

    /// Until when events are signed with the secret before, too.
    async fn previous_secret_until(&self) -> Option<String> {
        self.0.secrets.previous.as_ref().map(|previous| previous.until.to_string())
    }

    async fn created_at(&self) -> String {
        self.0.created_at.to_string()
    }

    async fn updated_at(&self) -> String {
        self.0.updated_at.to_string()
    }
}
