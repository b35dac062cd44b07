//! A test call to an endpoint, signed like an event.
//!
//! Nothing is recorded, and nothing is repeated.

use payments_model::webhook_delivery::{Recipient, WebhookAttempt};
use payments_model::{TenantId, WebhookEndpointId};
use payments_store::Error;
use serde_json::json;

use crate::administration::WebhookAdministration;
use crate::sending::{Letter, Sender};

/// The type of a test call. A test call is not an event.
const PING: &str = "webhook.ping";

/// Why no test call was made.
#[derive(Debug, thiserror::Error)]
pub enum PingError {
    /// The tenant has no such endpoint.
    #[error("unknown webhook endpoint")]
    Unknown,
    /// The database did not answer.
    #[error(transparent)]
    Unavailable(#[from] Error),
}

impl WebhookAdministration {
    /// Calls an endpoint of a tenant, and returns the result.
    pub async fn ping_endpoint(&self, tenant: TenantId, id: WebhookEndpointId) -> Result<WebhookAttempt, PingError> {
        if self.store.tenant(tenant).find_tenant(tenant).await?.is_none() {
            return Err(PingError::Unknown);
        }
        let is_default = id.as_uuid() == tenant.as_uuid();
        let recipient = if is_default { Recipient::Tenant(tenant) } else { Recipient::Endpoint(tenant, id) };
        let target = self.targets.find(&self.directory, recipient, self.now()).await?.ok_or(PingError::Unknown)?;
        let ping_id = self.entropy.uuid().to_string();
        let body = json!({"id": ping_id, "type": PING, "data": {"endpointId": id}});
        let signature_version = self.targets.signature_version;
        let proofs = &self.targets.proofs;
        let sender = Sender { http: &self.http, clock: &*self.clock, signature_version, proofs };
        Ok(sender.send(Letter { event_id: &ping_id, body: &body, attempt: 1 }, &target).await)
    }
}
