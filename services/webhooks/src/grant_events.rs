//! Events about grants of rights on wallet addresses, as the authorization server hands them over. They are recorded here and sent like all others.
//!
//! Rafiki 2.4 has no such events, so only endpoints get them that name their types.

use clock::Timestamp;
use payments_model::webhook_event::{EventType, Subject, WebhookEvent};
use payments_model::{TenantId, WebhookEventId};
use payments_store::{Error, Store};
use serde_json::Value;
use uuid::Uuid;

use crate::{Audience, Webhooks};

/// An event about a grant.
#[derive(Clone, Debug, PartialEq)]
pub struct GrantEvent {
    /// Its id, the same for every repetition.
    pub id: Uuid,
    /// Its type.
    pub event_type: EventType,
    /// The tenant that gave the grant.
    pub tenant: TenantId,
    /// The wallet addresses in its rights. The event is about the first one that the tenant has.
    pub owners: Vec<String>,
    /// The content.
    pub data: Value,
    /// The time of the change.
    pub at: Timestamp,
}

/// Why an event about a grant is not recorded.
#[derive(Debug, thiserror::Error)]
pub enum GrantEventError {
    /// It is not one of the types about grants.
    #[error("the type must be grant.created or grant.revoked")]
    Type,
    /// The database did not answer.
    #[error(transparent)]
    Unavailable(#[from] Error),
}

/// Records events about grants.
#[derive(Clone, Debug)]
pub struct GrantEventRecorder {
    /// The events.
    pub store: Store,
    /// Their recipients.
    pub webhooks: Webhooks,
}

impl GrantEventRecorder {
    /// Records an event, once. Nothing is recorded for a tenant that does not exist or was deleted, or about a grant of
    /// no wallet address: nobody is to be told.
    pub async fn record(&self, told: GrantEvent) -> Result<(), GrantEventError> {
        if !matches!(told.event_type, EventType::GrantCreated | EventType::GrantRevoked) {
            return Err(GrantEventError::Type);
        }
        let unit = self.store.begin().await?;
        let scope = unit.tenant(told.tenant);
        let owner = scope.find_tenant(told.tenant).await?;
        if owner.is_none_or(|tenant| tenant.deleted_at.is_some()) {
            return Ok(());
        }
        let mut address = None;
        for named in told.owners.iter().filter_map(|named| named.parse().ok()) {
            if address.is_none() {
                address = scope.wallet_address_by_url(&named).await?;
            }
        }
        let Some(address) = address else { return Ok(()) };

        let event = WebhookEvent {
            id: WebhookEventId::from_uuid(told.id),
            event_type: told.event_type,
            tenant_id: told.tenant,
            data: told.data,
            subject: Subject::WalletAddress(address.id),
            withdrawal: None,
            created_at: told.at,
        };
        self.webhooks.record_once(&unit, &event, &Audience::tenant(told.tenant)).await?;
        Ok(unit.commit().await?)
    }
}
