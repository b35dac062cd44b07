//! A place where a tenant has events sent: its address, which types it wants, and what they are signed with.
//!
//! Not how it is called: that is the webhooks service.

use clock::Timestamp;
use url::Url;

use crate::webhook_event::EventType;
use crate::{Secret, TenantId, WebhookEndpointId};

/// How many endpoints a tenant may have beside its default one.
pub const ENDPOINTS_MAX: usize = 100;

/// A place where a tenant has events sent.
#[derive(Clone, Debug, PartialEq)]
pub struct WebhookEndpoint {
    /// Its id; that of the tenant for its default endpoint.
    pub id: WebhookEndpointId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// Where.
    pub address: EndpointAddress,
    /// Which types it wants; every type if none is named.
    pub event_types: Vec<EventType>,
    /// What its events are signed with.
    pub secrets: EndpointSecrets,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Where an endpoint is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointAddress {
    /// Where the settings of the tenant, or else of the instance, say.
    Default,
    /// At a URL of its own.
    Own(Url),
}

/// What an endpoint's events are signed with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointSecrets {
    /// Its own secret; without one it is the instance's.
    pub current: Option<Secret>,
    /// The secret before it, used as well until an instant.
    pub previous: Option<PreviousSecret>,
}

/// The secret before the current one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviousSecret {
    /// It; `None` for the instance's.
    pub secret: Option<Secret>,
    /// Until when it is used as well.
    pub until: Timestamp,
}

impl EndpointSecrets {
    /// Replaced by `new`; what was current is used as well until `until`.
    pub fn rotated(self, new: Secret, until: Timestamp) -> Self {
        Self { current: Some(new), previous: Some(PreviousSecret { secret: self.current, until }) }
    }

    /// The secrets to sign with at `now`, the current one first; `instance` is what stands in for one of its own.
    pub fn at<'s>(&'s self, now: Timestamp, instance: Option<&'s Secret>) -> Vec<&'s Secret> {
        let current = self.current.as_ref().or(instance);
        let previous = self.previous.as_ref().filter(|previous| now < previous.until);
        let previous = previous.and_then(|previous| previous.secret.as_ref().or(instance));
        current.into_iter().chain(previous).collect()
    }
}

impl WebhookEndpoint {
    /// The default endpoint of a tenant, as long as the tenant has said nothing about it.
    pub fn default_of(tenant: TenantId, created_at: Timestamp) -> Self {
        Self {
            id: WebhookEndpointId::from_uuid(tenant.as_uuid()),
            tenant_id: tenant,
            address: EndpointAddress::Default,
            event_types: Vec::new(),
            secrets: EndpointSecrets::default(),
            created_at,
            updated_at: created_at,
        }
    }

    /// Whether it is the tenant's default one.
    pub fn is_default(&self) -> bool {
        self.address == EndpointAddress::Default
    }

    /// Whether it is told of events of this type.
    pub fn wants(&self, event_type: EventType) -> bool {
        self.event_types.is_empty() || self.event_types.contains(&event_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_a_secret_is_replaced_both_are_used_and_then_the_new_one_alone() {
        let [instance, first, second] = ["instance", "first", "second"].map(Secret::new);
        let at = Timestamp::from_millis;
        let secrets = EndpointSecrets::default();
        assert_eq!(secrets.at(at(0), None), Vec::<&Secret>::new());
        assert_eq!(secrets.at(at(0), Some(&instance)), [&instance]);

        let secrets = secrets.rotated(first.clone(), at(10));
        assert_eq!(secrets.at(at(9), Some(&instance)), [&first, &instance]);
        assert_eq!(secrets.at(at(9), None), [&first]);
        assert_eq!(secrets.at(at(10), Some(&instance)), [&first]);

        let secrets = secrets.rotated(second.clone(), at(20));
        assert_eq!(secrets.at(at(19), Some(&instance)), [&second, &first]);
        assert_eq!(secrets.at(at(20), Some(&instance)), [&second]);
    }
}
