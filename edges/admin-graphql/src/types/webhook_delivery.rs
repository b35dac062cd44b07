//! Deliveries of events, and their attempts. Not in the schema of Rafiki 2.4.
//! The events themselves are in `webhook_event`.

use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};
use payments_model::webhook_delivery::{DeliveryState, Recipient};
use payments_model::{WebhookAttempt, WebhookDelivery};
use payments_store::DeliveryFilter;
use serde::Serialize;

use crate::api::Call;
use crate::errors::{Code, Refusal};
use crate::scalars::instant;
use crate::texts::Name;
use crate::types::page::connection;
use crate::types::webhook_event::WebhookEventNode;

#[derive(Clone)]
pub(crate) struct WebhookDeliveryNode(pub(crate) WebhookDelivery);

impl From<WebhookDelivery> for WebhookDeliveryNode {
    fn from(delivery: WebhookDelivery) -> Self {
        Self(delivery)
    }
}

impl WebhookDeliveryNode {
    fn cursor(&self) -> String {
        self.0.id.to_string()
    }
}

connection!(
    WebhookDeliveriesConnection as "WebhookDeliveriesConnection",
    WebhookDeliveriesEdge as "WebhookDeliveriesEdge",
    WebhookDeliveryNode of WebhookDelivery
);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize)]
#[graphql(name = "WebhookDeliveryState")]
pub(crate) enum DeliveryStateName {
    /// An attempt is due, the first or another one.
    Pending,
    /// The recipient answered 200.
    Delivered,
    /// It fails while its recipient accepts other deliveries. Further attempts are made, and later events do not wait for it.
    Quarantined,
    /// It has no attempts left.
    Exhausted,
}

impl From<DeliveryState> for DeliveryStateName {
    fn from(state: DeliveryState) -> Self {
        match state {
            DeliveryState::Pending => Self::Pending,
            DeliveryState::Delivered => Self::Delivered,
            DeliveryState::Quarantined => Self::Quarantined,
            DeliveryState::Exhausted => Self::Exhausted,
        }
    }
}

impl From<DeliveryStateName> for DeliveryState {
    fn from(state: DeliveryStateName) -> Self {
        match state {
            DeliveryStateName::Pending => Self::Pending,
            DeliveryStateName::Delivered => Self::Delivered,
            DeliveryStateName::Quarantined => Self::Quarantined,
            DeliveryStateName::Exhausted => Self::Exhausted,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum WebhookRecipient {
    Tenant,
    CardService,
    PointOfSaleService,
}

/// How many ids one request may name.
const IDS_MAX: usize = 500;

/// Selects deliveries. A member that is left out does not restrict the selection.
#[derive(Clone, Debug, Default, InputObject, Serialize)]
pub(crate) struct WebhookDeliveryFilter {
    /// Deliveries in one of these states.
    states: Option<Vec<DeliveryStateName>>,
    /// Deliveries of events of these types.
    types: Option<Vec<Name>>,
    /// Deliveries of these events, 500 at most.
    pub(crate) event_ids: Option<Vec<Name>>,
    /// Deliveries to this endpoint.
    endpoint_id: Option<Name>,
    /// Deliveries of events about the payment, wallet address, asset or peer with this id.
    subject_id: Option<Name>,
    /// Deliveries that were recorded at this time or later.
    from: Option<Name>,
    /// Deliveries that were recorded before this time.
    to: Option<Name>,
}

impl WebhookDeliveryFilter {
    pub(crate) fn read(self) -> Result<DeliveryFilter, Refusal> {
        let no_endpoint = |_| Refusal::new("unknown webhook endpoint", Code::NotFound);
        let no_id = |_| Refusal::new("the id of a subject must be a UUID", Code::BadUserInput);
        Ok(DeliveryFilter {
            events: ids(self.event_ids.as_deref())?,
            states: self.states.unwrap_or_default().into_iter().map(Into::into).collect(),
            types: self.types.unwrap_or_default().into_iter().map(Name::into_string).collect(),
            endpoint: self.endpoint_id.map(|id| id.parse().map_err(no_endpoint)).transpose()?,
            subject: self.subject_id.map(|id| id.parse().map_err(no_id)).transpose()?,
            from: self.from.as_deref().map(instant).transpose()?,
            to: self.to.as_deref().map(instant).transpose()?,
            ..DeliveryFilter::default()
        })
    }
}

/// A list that is given and empty would mean everything.
pub(crate) fn ids<T: From<uuid::Uuid>>(given: Option<&[Name]>) -> Result<Vec<T>, Refusal> {
    let Some(given) = given else { return Ok(Vec::new()) };
    let refused = |why: &str| Refusal::new(why, Code::BadUserInput);
    if given.is_empty() || given.len() > IDS_MAX {
        return Err(refused("a list of ids has 1 to 500 of them"));
    }
    let id = |text: &Name| uuid::Uuid::try_parse(text).map(T::from).map_err(|_| refused("an id is a UUID"));
    given.iter().map(id).collect()
}

#[Object(name = "WebhookDelivery")]
impl WebhookDeliveryNode {
    async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    async fn event_id(&self) -> ID {
        self.0.event_id.to_string().into()
    }

    /// The event, as it is sent to the recipient.
    async fn event(&self, context: &Context<'_>) -> Result<Option<WebhookEventNode>> {
        let event = Call::of(context)?.store().event_of(&self.0).await.map_err(Refusal::from)?;
        Ok(event.map(WebhookEventNode::from))
    }

    async fn recipient(&self) -> WebhookRecipient {
        match self.0.recipient {
            Recipient::Tenant(_) | Recipient::Endpoint(..) => WebhookRecipient::Tenant,
            Recipient::CardService => WebhookRecipient::CardService,
            Recipient::PointOfSaleService => WebhookRecipient::PointOfSaleService,
        }
    }

    /// The tenant that receives it.
    async fn tenant_id(&self) -> Option<ID> {
        self.0.recipient.tenant().map(|tenant| tenant.to_string().into())
    }

    /// The endpoint to which it is sent. The id of a tenant's default endpoint is the tenant's id.
    async fn endpoint_id(&self) -> Option<ID> {
        match self.0.recipient {
            Recipient::Tenant(tenant) => Some(tenant.to_string().into()),
            Recipient::Endpoint(_, endpoint) => Some(endpoint.to_string().into()),
            Recipient::CardService | Recipient::PointOfSaleService => None,
        }
    }

    async fn state(&self) -> DeliveryStateName {
        self.0.state.into()
    }

    /// The number of attempts so far.
    async fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// The last HTTP status received.
    async fn status_code(&self) -> Option<u16> {
        self.0.status_code
    }

    /// Why the last attempt did not succeed.
    async fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// When the next attempt is due, if there is one.
    async fn next_attempt_at(&self) -> Option<String> {
        let waits = self.0.state.is_under_way();
        self.0.due_at.filter(|_| waits).map(|at| at.to_string())
    }

    async fn created_at(&self) -> String {
        self.0.created_at.to_string()
    }

    async fn updated_at(&self) -> String {
        self.0.updated_at.to_string()
    }

    /// The attempts that are still stored, oldest first.
    async fn history(&self, context: &Context<'_>) -> Result<Vec<WebhookAttemptNode>> {
        let found = Call::of(context)?.reach().webhook_attempts(&[self.0.id]).await.map_err(Refusal::from)?;
        Ok(found.into_iter().map(|(_, attempt)| attempt.into()).collect())
    }
}

#[derive(SimpleObject)]
#[graphql(name = "WebhookAttempt")]
pub(crate) struct WebhookAttemptNode {
    /// The number of the attempt, from 1.
    number: u32,
    began_at: String,
    duration_ms: u32,
    /// The HTTP status received, if there was an answer.
    status_code: Option<u16>,
    /// The first 1024 octets of the answer's body.
    body: Option<String>,
    /// Why it did not succeed; null if the answer was 200.
    error: Option<String>,
}

impl From<WebhookAttempt> for WebhookAttemptNode {
    fn from(attempt: WebhookAttempt) -> Self {
        let WebhookAttempt { number, began_at, duration, status_code, body, error } = attempt;
        let duration_ms = u32::try_from(duration.as_millis()).unwrap_or(u32::MAX);
        Self { number, began_at: began_at.to_string(), duration_ms, status_code, body, error }
    }
}
