//! A webhook endpoint of a tenant: its address, the types of events that it gets, and the secrets that sign them.
//!
//! It makes no calls: the webhooks service does that.

use clock::Timestamp;
use url::Url;

use crate::webhook_event::EventType;
use crate::{Secret, TenantId, WebhookEndpointId};

/// The most endpoints of a tenant, without its default endpoint.
pub const ENDPOINTS_MAX: usize = 100;

/// A webhook endpoint of a tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct WebhookEndpoint {
    /// Its id. The id of a default endpoint is the tenant's id.
    pub id: WebhookEndpointId,
    /// The tenant that it belongs to.
    pub tenant_id: TenantId,
    /// Its address.
    pub address: EndpointAddress,
    /// The types of events that it gets. If the list is empty, all types but those on request.
    pub event_types: Vec<EventType>,
    /// The secrets that sign its events.
    pub secrets: EndpointSecrets,
    /// The time at which it was created.
    pub created_at: Timestamp,
    /// The time of the last change.
    pub updated_at: Timestamp,
}

/// The address of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointAddress {
    /// The URL in the settings of the tenant, or else of the instance.
    Default,
    /// Its own URL.
    Own(Url),
}

/// The secrets that sign an endpoint's events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointSecrets {
    /// Its own secret. If it is `None`, the instance's secret is used.
    pub current: Option<Secret>,
    /// The secret before the current one. Both are used until an instant.
    pub previous: Option<PreviousSecret>,
}

/// The secret before the current one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviousSecret {
    /// The secret; `None` means the instance's secret.
    pub secret: Option<Secret>,
    /// The end of its use.
    pub until: Timestamp,
}

impl EndpointSecrets {
    /// Replaces the current secret by `new`. The old one is also used until `until`.
    pub fn rotated(self, new: Secret, until: Timestamp) -> Self {
        Self { current: Some(new), previous: Some(PreviousSecret { secret: self.current, until }) }
    }

    /// The secrets that sign at `now`, the current one first. The `instance` secret is used where the endpoint has
    /// none.
    pub fn at<'s>(&'s self, now: Timestamp, instance: Option<&'s Secret>) -> Vec<&'s Secret> {
        let current = self.current.as_ref().or(instance);
        let previous = self.previous.as_ref().filter(|previous| now < previous.until);
        let previous = previous.and_then(|previous| previous.secret.as_ref().or(instance));
        current.into_iter().chain(previous).collect()
    }
}

impl WebhookEndpoint {
    /// The default endpoint of a tenant that has not changed it yet.
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

    /// Whether it is the tenant's default endpoint.
    pub fn is_default(&self) -> bool {
        self.address == EndpointAddress::Default
    }

    /// Whether it gets events of this type.
    pub fn wants(&self, event_type: EventType) -> bool {
        if self.event_types.is_empty() { !event_type.is_on_request() } else { self.event_types.contains(&event_type) }
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
