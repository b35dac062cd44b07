//! Records an event and its deliveries in the transaction of the state change that it reports.
//!
//! It sends nothing: the commit wakes the deliverer.

use std::borrow::Cow;
use std::sync::Arc;

use clock::Entropy;
use directory::Directory;
use jobs::NewJob;
use payments_model::webhook_delivery::{Recipient, WebhookDelivery};
use payments_model::webhook_event::{EventType, WebhookEvent};
use payments_model::{TenantId, WebhookDeliveryId, WebhookEndpoint};
use payments_store::{Error, Unit};

use crate::turns::{key, lane};
use crate::{Audience, Targets};

/// The queue of deliveries.
pub const QUEUE: &str = "webhook deliveries";

/// An event and its delivery, as the recording transaction has written them.
#[derive(Debug)]
pub(crate) struct ToTell {
    pub(crate) event: WebhookEvent,
    pub(crate) delivery: WebhookDelivery,
}

/// Records events. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Webhooks {
    operator_copy: Option<TenantId>,
    has_card_service: bool,
    has_point_of_sale: bool,
    directory: Directory,
    entropy: Arc<dyn Entropy>,
}

impl Webhooks {
    /// Records for the recipients that `targets` can reach and the endpoints that `directory` knows. With
    /// `operator_copy` the operator also gets the events of all tenants.
    pub fn new(
        targets: &Targets,
        operator_copy: Option<TenantId>,
        directory: Directory,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            operator_copy,
            has_card_service: targets.card_service.is_some(),
            has_point_of_sale: targets.point_of_sale.is_some(),
            directory,
            entropy,
        }
    }

    /// Writes the event and one delivery for each recipient. They are sent after the unit's commit. An event that is
    /// sent on request only, and that nobody has asked for, is not written.
    pub async fn record(&self, unit: &Unit, event: &WebhookEvent, audience: &Audience) -> Result<(), Error> {
        let mut recipients = Vec::new();
        for named in audience.recipients(self.operator_copy) {
            match named {
                Recipient::Tenant(tenant) => recipients.extend(self.endpoints(unit, tenant, event.event_type).await?),
                service if self.is_reachable(service) => recipients.push(service),
                service => {
                    tracing::warn!(event.id = %event.id, ?service, "the service has no URL, so the event is not sent to it");
                }
            }
        }
        if recipients.is_empty() && event.event_type.is_on_request() {
            return Ok(());
        }
        let scope = unit.every_tenant();
        scope.insert_webhook_event(event)?;
        for recipient in recipients {
            let delivery = WebhookDelivery::new(WebhookDeliveryId::random(&*self.entropy), event, recipient);
            scope.insert_webhook_delivery(&delivery);
            let job = NewJob::new(QUEUE, key(&delivery), event.created_at).in_lane(lane(recipient));
            let to_tell = Arc::new(ToTell { event: event.clone(), delivery });
            jobs::enqueue(unit.transaction(), job.behind_one_that_waits().carrying(to_tell))?;
        }
        Ok(())
    }

    /// As [`Webhooks::record`], unless an event with this id was recorded before. Returns whether it was recorded now.
    pub async fn record_once(&self, unit: &Unit, event: &WebhookEvent, audience: &Audience) -> Result<bool, Error> {
        if unit.every_tenant().webhook_event(event.id).await?.is_some() {
            return Ok(false);
        }
        self.record(unit, event, audience).await?;
        Ok(true)
    }

    /// The endpoints of a tenant that get events of this type.
    async fn endpoints(&self, unit: &Unit, tenant: TenantId, kind: EventType) -> Result<Vec<Recipient>, Error> {
        let facts = self.directory.facts_at_hand();
        let known: Cow<'_, [WebhookEndpoint]> = match &facts {
            Some(facts) => facts.tenant(tenant).map_or(&[][..], |known| known.webhook_endpoints()).into(),
            None => unit.tenant(tenant).webhook_endpoints().await?.into(),
        };
        let mut recipients = Vec::with_capacity(1 + known.len());
        let default = known.iter().find(|endpoint| endpoint.is_default());
        if default.map_or(!kind.is_on_request(), |endpoint| endpoint.wants(kind)) {
            recipients.push(Recipient::Tenant(tenant));
        }
        let others = known.iter().filter(|endpoint| !endpoint.is_default() && endpoint.wants(kind));
        recipients.extend(others.map(|endpoint| Recipient::Endpoint(tenant, endpoint.id)));
        Ok(recipients)
    }

    fn is_reachable(&self, recipient: Recipient) -> bool {
        match recipient {
            Recipient::Tenant(_) | Recipient::Endpoint(..) => true,
            Recipient::CardService => self.has_card_service,
            Recipient::PointOfSaleService => self.has_point_of_sale,
        }
    }
}
