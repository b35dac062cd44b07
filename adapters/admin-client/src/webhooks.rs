//! Reads where events are sent, and how each delivery went.
//!
//! What changes them is a `Mutation`.

use clock::Timestamp;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::client::{AdminClient, without_nulls};
use crate::operator::{Listed, WebhookEventView, found};
use crate::operator_documents as d;
use crate::types::uint64;
use crate::{AdminError, PageRequest};

/// The state of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeliveryState {
    /// It will be tried, perhaps again.
    Pending,
    /// It was answered with 200.
    Delivered,
    /// It fails while its recipient accepts other deliveries. Further attempts are made.
    Quarantined,
    /// It was tried as often as allowed.
    Exhausted,
}

/// One delivery of an event to one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryView {
    /// Its id.
    pub id: Uuid,
    /// The event.
    pub event_id: Uuid,
    /// The event as its recipient gets it.
    pub event: Option<WebhookEventView>,
    /// `TENANT`, `CARD_SERVICE` or `POINT_OF_SALE_SERVICE`.
    pub recipient: String,
    /// The tenant that gets it.
    pub tenant_id: Option<Uuid>,
    /// The endpoint that it goes to.
    pub endpoint_id: Option<Uuid>,
    /// Its state.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// The last HTTP status received.
    pub status_code: Option<u16>,
    /// Why the last attempt failed.
    pub reason: Option<String>,
    /// When it is tried next.
    pub next_attempt_at: Option<Timestamp>,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
    /// The attempts that are still kept, the oldest first. Only one delivery by itself has them.
    #[serde(default)]
    pub history: Vec<AttemptView>,
}

/// One attempt of a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttemptView {
    /// Which attempt it was, from 1.
    pub number: u32,
    /// When it began.
    pub began_at: Timestamp,
    /// How long it took.
    pub duration_ms: u64,
    /// The HTTP status received.
    pub status_code: Option<u16>,
    /// The first part of the answer.
    pub body: Option<String>,
    /// Why it failed; `None` if it was answered with 200.
    pub error: Option<String>,
}

/// A place that events are sent to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointView {
    /// Its id; that of the tenant for its default endpoint.
    pub id: Uuid,
    /// The tenant that it belongs to.
    pub tenant_id: Uuid,
    /// Whether it is where the tenant's settings say.
    pub is_default: bool,
    /// Its URL; `None` for the default endpoint.
    pub url: Option<String>,
    /// The types that it gets; every type if there are none.
    pub event_types: Vec<String>,
    /// Whether its events are signed with a secret of its own.
    pub has_own_secret: bool,
    /// Until when events are also signed with the secret before.
    pub previous_secret_until: Option<Timestamp>,
    /// Since when it is paused; `None` if events are sent to it.
    pub paused_since: Option<Timestamp>,
    /// How many deliveries to it wait.
    #[serde(with = "uint64")]
    pub waiting_deliveries: u64,
    /// When it was created.
    pub created_at: Timestamp,
}

/// Selects deliveries. What is left out restricts nothing.
#[derive(Clone, Debug, Default)]
pub struct DeliverySelection {
    /// In one of these states, in the words of the API.
    pub states: Vec<String>,
    /// Of events of these types.
    pub types: Vec<String>,
    /// Of these events, 500 at most.
    pub events: Vec<Uuid>,
    /// To this endpoint.
    pub endpoint: Option<Uuid>,
    /// About this payment, wallet address, asset or peer.
    pub subject: Option<Uuid>,
    /// Recorded at this time or later.
    pub from: Option<Timestamp>,
    /// Recorded before this time.
    pub to: Option<Timestamp>,
}

impl DeliverySelection {
    /// The filter in the form of the API.
    pub fn filter(&self) -> serde_json::Value {
        let some = |list: &[String]| (!list.is_empty()).then(|| list.to_vec());
        without_nulls(json!({
            "states": some(&self.states), "types": some(&self.types),
            "eventIds": (!self.events.is_empty()).then_some(&self.events),
            "endpointId": self.endpoint, "subjectId": self.subject, "from": self.from, "to": self.to,
        }))
    }
}

impl AdminClient {
    /// A page of the deliveries.
    pub async fn webhook_deliveries_page(
        &self,
        page: &PageRequest,
        selection: &DeliverySelection,
        tenant: Option<Uuid>,
    ) -> Result<Listed<DeliveryView>, AdminError> {
        let more = json!({"filter": selection.filter(), "tenantId": tenant});
        self.listed(d::WEBHOOK_DELIVERIES, page, more, "/webhookDeliveries").await
    }

    /// A delivery with its attempts; `None` if there is none.
    pub async fn webhook_delivery_view(&self, id: Uuid) -> Result<Option<DeliveryView>, AdminError> {
        found(self.run(d::WEBHOOK_DELIVERY, json!({"id": id}), "/webhookDelivery").await)
    }

    /// The endpoints of the caller, or for the operator those of `tenant`.
    pub async fn webhook_endpoints(&self, tenant: Option<Uuid>) -> Result<Vec<EndpointView>, AdminError> {
        self.run(d::WEBHOOK_ENDPOINTS, without_nulls(json!({"tenantId": tenant})), "/webhookEndpoints").await
    }
}
