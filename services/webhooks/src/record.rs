//! Recording an event and its deliveries in the transaction that changes the state.
//!
//! Nothing is sent here. The commit wakes the deliverer.

use std::sync::Arc;

use clock::Entropy;
use jobs::NewJob;
use payments_model::webhook_event::{DeliveryState, Recipient, WebhookDelivery, WebhookEvent};
use payments_model::{TenantId, WebhookDeliveryId};
use payments_store::{Error, Unit};

use crate::{Audience, Targets};

/// The queue of deliveries.
pub const QUEUE: &str = "webhook deliveries";

/// An event and its delivery, as the recording transaction wrote them.
#[derive(Debug)]
pub(crate) struct ToTell {
    pub(crate) event: WebhookEvent,
    pub(crate) delivery: WebhookDelivery,
}

/// Records events. It is cheap to clone.
#[derive(Clone, Debug)]
pub struct Webhooks {
    operator_copy: Option<TenantId>,
    has_card_service: bool,
    has_point_of_sale: bool,
    entropy: Arc<dyn Entropy>,
}

impl Webhooks {
    /// Records for the recipients that `targets` can reach. With `operator_copy` the operator gets every tenant's
    /// events too.
    pub fn new(targets: &Targets, operator_copy: Option<TenantId>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            operator_copy,
            has_card_service: targets.card_service.is_some(),
            has_point_of_sale: targets.point_of_sale.is_some(),
            entropy,
        }
    }

    /// Writes the event and one delivery for each recipient. They are sent after the unit's commit.
    pub fn record(&self, unit: &Unit, event: &WebhookEvent, audience: &Audience) -> Result<(), Error> {
        let scope = unit.every_tenant();
        scope.insert_webhook_event(event)?;
        for recipient in audience.recipients(self.operator_copy) {
            if !self.is_reachable(recipient) {
                tracing::warn!(event.id = %event.id, ?recipient, "the service has no URL; it is not told");
                continue;
            }
            let delivery = WebhookDelivery {
                id: WebhookDeliveryId::random(&*self.entropy),
                event_id: event.id,
                recipient,
                attempts: 0,
                status_code: None,
                state: DeliveryState::Pending,
            };
            scope.insert_webhook_delivery(&delivery, event.created_at)?;
            let job = NewJob::new(QUEUE, delivery.id, event.created_at).in_lane(lane(recipient));
            let to_tell = Arc::new(ToTell { event: event.clone(), delivery });
            jobs::enqueue(unit.transaction(), job.carrying(to_tell))?;
        }
        Ok(())
    }

    /// As [`Webhooks::record`], unless an event with this id was recorded before. Returns whether it was recorded now.
    pub async fn record_once(&self, unit: &Unit, event: &WebhookEvent, audience: &Audience) -> Result<bool, Error> {
        if unit.every_tenant().webhook_event(event.id).await?.is_some() {
            return Ok(false);
        }
        self.record(unit, event, audience)?;
        Ok(true)
    }

    fn is_reachable(&self, recipient: Recipient) -> bool {
        match recipient {
            Recipient::Tenant(_) => true,
            Recipient::CardService => self.has_card_service,
            Recipient::PointOfSaleService => self.has_point_of_sale,
        }
    }
}

/// One lane for each recipient, so that a slow recipient does not delay the others.
pub fn lane(recipient: Recipient) -> String {
    match recipient {
        Recipient::Tenant(tenant) => tenant.to_string(),
        Recipient::CardService => "card service".to_owned(),
        Recipient::PointOfSaleService => "point-of-sale service".to_owned(),
    }
}
