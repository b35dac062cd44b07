//! Pauses endpoints, and resumes them. While an endpoint is paused, its events are recorded as always, and no attempt is made.
//!
//! It does not stop a call that is under way. The operator's own services cannot be paused.

use std::time::Duration;

use clock::Timestamp;
use jobs::Job;
use payments_model::webhook_delivery::{Recipient, WebhookDelivery};
use payments_model::webhook_endpoint::{Sending, WebhookEndpoint};
use payments_model::{TenantId, WebhookEndpointId};
use payments_store::{Error, Store, Unit};

use crate::administration::WebhookAdministration;
use crate::record::QUEUE;
use crate::turns::lane;

/// Why a job waits. The jobs that wait for an endpoint are found by it.
const PAUSED: &str = "the endpoint is paused";
/// How long a job waits before it looks whether its endpoint is still paused. Who resumes the endpoint wakes it earlier.
const LOOK_AGAIN: Duration = Duration::from_hours(1);

/// Which endpoints of a tenant are paused or resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// All that the tenant has now.
    All,
    /// This one.
    One(WebhookEndpointId),
}

/// Why endpoints were not paused or resumed.
#[derive(Debug, thiserror::Error)]
pub enum PauseError {
    /// The tenant has no such endpoint.
    #[error("unknown webhook endpoint")]
    Unknown,
    /// There is no such tenant.
    #[error("unknown tenant")]
    UnknownTenant,
    /// The database did not answer.
    #[error(transparent)]
    Unavailable(#[from] Error),
}

impl WebhookAdministration {
    /// Lets the events of endpoints wait, in every process. Returns these endpoints. One that is paused stays as it is.
    pub async fn pause_endpoints(&self, tenant: TenantId, which: Which) -> Result<Vec<WebhookEndpoint>, PauseError> {
        let now = self.now();
        self.with_sending(tenant, which, |before| before.paused(now)).await
    }

    /// Lets the events of endpoints be sent again. Returns these endpoints. What became due meanwhile is due now; what
    /// waits for its next attempt goes on waiting for it.
    pub async fn resume_endpoints(&self, tenant: TenantId, which: Which) -> Result<Vec<WebhookEndpoint>, PauseError> {
        self.with_sending(tenant, which, |_| Sending::Running).await
    }

    async fn with_sending(
        &self,
        tenant: TenantId,
        which: Which,
        change: impl Fn(Sending) -> Sending,
    ) -> Result<Vec<WebhookEndpoint>, PauseError> {
        let now = self.now();
        let unit = self.store.begin().await?;
        let scope = unit.tenant(tenant);
        let owner = scope.locked_tenant(tenant).await?.ok_or(PauseError::UnknownTenant)?;

        let mut endpoints = scope.webhook_endpoints().await?;
        let has_default_row = endpoints.iter().any(WebhookEndpoint::is_default);
        if !has_default_row {
            endpoints.insert(0, WebhookEndpoint::default_of(tenant, owner.created_at));
        }
        if let Which::One(id) = which {
            endpoints.retain(|endpoint| endpoint.id == id);
            if endpoints.is_empty() {
                return Err(PauseError::Unknown);
            }
        }

        let mut after = Vec::with_capacity(endpoints.len());
        for endpoint in endpoints {
            let (recipient, sending) = (endpoint.recipient(), change(endpoint.sending));
            if sending == endpoint.sending {
                after.push(endpoint);
                continue;
            }
            let changed = |found: WebhookEndpoint| WebhookEndpoint { sending, updated_at: now, ..found };
            if endpoint.is_default() && !has_default_row {
                let made = changed(endpoint);
                scope.insert_webhook_endpoint(&made).await?;
                after.push(made);
            } else if let Some(found) = scope.locked_webhook_endpoint(endpoint.id).await? {
                let found = found.map(changed);
                scope.update_webhook_endpoint(&found).await?;
                after.push(found.into_inner());
            } else {
                // Another request has deleted it meanwhile.
                continue;
            }
            if sending == Sending::Running {
                end_waiting(&unit, recipient, now).await?;
            }
        }

        unit.commit().await?;
        after.sort_by_key(|endpoint| !endpoint.is_default());
        Ok(after)
    }
}

/// Wakes the jobs that wait for a recipient. The unit has changed the endpoint before, so no job begins to wait for it now.
pub(crate) async fn end_waiting(unit: &Unit, recipient: Recipient, now: Timestamp) -> Result<(), Error> {
    jobs::release(unit.transaction(), QUEUE, &lane(recipient), PAUSED, now).await
}

/// What becomes of a job whose endpoint is paused, as far as this process knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// It waits.
    Waits,
    /// The endpoint was resumed.
    Over,
    /// The endpoint was deleted.
    Gone,
}

/// Lets a job wait without an attempt, if the endpoint of its delivery is paused in the database.
///
/// What this process knows of the endpoint may be older than a resumption, so the database is asked, under a lock.
pub(crate) async fn waits_for_resumption(
    store: &Store,
    job: &Job,
    delivery: &WebhookDelivery,
    now: Timestamp,
) -> Result<Rest, Error> {
    let Some((tenant, endpoint)) = delivery.recipient.endpoint() else { return Ok(Rest::Over) };
    let unit = store.begin().await?;
    match unit.tenant(tenant).sending_of(endpoint).await? {
        None => return Ok(Rest::Gone),
        Some(Sending::Running) => return Ok(Rest::Over),
        Some(Sending::PausedSince(_)) => {}
    }
    job.put_off(unit.transaction(), now + LOOK_AGAIN, PAUSED);
    unit.commit().await?;
    Ok(Rest::Waits)
}
