//! Sends deliveries again on request of an administrator.
//!
//! It does not change their order: deliveries about one subject are sent in the order in which they were recorded.

use jobs::NewJob;
use payments_model::TenantId;
use payments_model::webhook_delivery::DeliveryState;
use payments_store::{DeliveryFilter, Error};

use crate::administration::WebhookAdministration;
use crate::record::QUEUE;
use crate::turns::{key, lane};

/// The most deliveries that one request sends again.
const AT_ONCE: u64 = 500;

/// The deliveries that a caller may send again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The deliveries to this tenant.
    Tenant(TenantId),
    /// All deliveries. Only the operator may do this.
    EveryTenant,
}

/// The result of a request to send again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resent {
    /// The number of deliveries that are sent again.
    pub count: usize,
    /// Whether more deliveries match. Another request is needed for them.
    pub has_more: bool,
}

impl WebhookAdministration {
    /// Makes the matching deliveries pending again, the oldest first. Each begins a new round of attempts.
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
