//! Sending deliveries again because somebody asked for it.
//!
//! Those about one thing go in the order in which they were recorded, like at first.

use jobs::NewJob;
use payments_model::TenantId;
use payments_model::webhook_delivery::DeliveryState;
use payments_store::{DeliveryFilter, Error};

use crate::administration::WebhookAdministration;
use crate::record::QUEUE;
use crate::turns::{key, lane};

/// How many are put back by one request.
const AT_ONCE: u64 = 500;

/// Whose deliveries are reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Those to this tenant.
    Tenant(TenantId),
    /// All: for the operator.
    EveryTenant,
}

/// What became of a request to send again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resent {
    /// So many are on their way again.
    pub count: usize,
    /// Whether others are meant, too, which are put back by another request.
    pub has_more: bool,
}

impl WebhookAdministration {
    /// Puts the deliveries meant back, oldest first; each begins a new round of attempts.
    pub async fn resend(&self, reach: Reach, filter: &DeliveryFilter) -> Result<Resent, Error> {
        let now = self.now();
        let unit = self.store.begin().await?;
        let scope = match reach {
            Reach::Tenant(tenant) => unit.tenant(tenant),
            Reach::EveryTenant => unit.every_tenant(),
        };
        let mut meant = scope.locked_deliveries(filter, AT_ONCE + 1).await?;
        let most = usize::try_from(AT_ONCE).unwrap_or(usize::MAX);
        let has_more = meant.len() > most;
        meant.truncate(most);
        for delivery in &meant {
            scope.put_delivery_back(delivery, now);
            if delivery.state == DeliveryState::Quarantined && delivery.subject.is_some() {
                jobs::cancel(unit.transaction(), QUEUE, delivery.id);
            }
            let job = NewJob::new(QUEUE, key(delivery), now).in_lane(lane(delivery.recipient));
            jobs::enqueue(unit.transaction(), job)?;
        }
        unit.commit().await?;
        Ok(Resent { count: meant.len(), has_more })
    }
}
