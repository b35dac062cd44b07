//! Events, as they were recorded.
//! Their deliveries are in `webhook_delivery`.

use async_graphql::{Context, ID, InputObject, Object, Result};
use payments_model::WebhookEvent;
use payments_model::webhook_event::EventType;
use payments_store::EventFilter;
use serde_json::Value;

use crate::errors::nullable;
use crate::scalars::JsonObject;
use crate::types::page::{FilterString, connection};
use crate::types::tenant::{TenantNode, owner};

#[derive(Clone)]
pub(crate) struct WebhookEventNode(WebhookEvent);

impl From<WebhookEvent> for WebhookEventNode {
    fn from(event: WebhookEvent) -> Self {
        Self(event)
    }
}

impl WebhookEventNode {
    fn cursor(&self) -> String {
        self.0.id.to_string()
    }
}

connection!(
    WebhookEventsConnection as "WebhookEventsConnection",
    WebhookEventsEdge as "WebhookEventsEdge",
    WebhookEventNode of WebhookEvent
);

#[derive(Clone, Debug, Default, InputObject)]
pub(crate) struct WebhookEventFilter {
    #[graphql(name = "type")]
    kind: Option<FilterString>,
}

impl WebhookEventFilter {
    /// Which events are meant. Unless something is excluded, those for the card service only are.
    pub(crate) fn read(self) -> EventFilter {
        let (only, mut not) = FilterString::both(self.kind);
        if not.is_empty() {
            let card_only = [EventType::OutgoingPaymentFunded, EventType::OutgoingPaymentCancelled];
            not = card_only.iter().map(|kind| kind.as_str().to_owned()).collect();
        }
        EventFilter { types: only.unwrap_or_default(), not_types: not }
    }
}

#[Object(name = "WebhookEvent")]
impl WebhookEventNode {
    pub(crate) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    async fn tenant(&self, context: &Context<'_>) -> Option<Result<TenantNode>> {
        nullable(async { owner(context, self.0.tenant_id).await }).await
    }

    #[graphql(name = "type")]
    async fn kind(&self) -> &'static str {
        self.0.event_type.as_str()
    }

    async fn data(&self) -> JsonObject {
        match &self.0.data {
            Value::Object(members) => JsonObject(members.clone()),
            _ => JsonObject(serde_json::Map::new()),
        }
    }

    pub(crate) async fn created_at(&self) -> String {
        self.0.created_at.to_string()
    }
}
