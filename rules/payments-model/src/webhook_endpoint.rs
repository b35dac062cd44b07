//! A webhook endpoint of a tenant: its address, the types of events that it gets, and the secrets that sign them.
//!
//! It makes no calls: the webhooks service does that.

use clock::Timestamp;
use url::Url;

use crate::webhook_delivery::Recipient;
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
    /// Whether its events are sent now.
    pub sending: Sending,
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

/// Whether events are sent to an endpoint now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sending {
    /// They are sent.
    #[default]
    Running,
    /// They are kept since this instant, and sent when somebody resumes the endpoint.
    PausedSince(Timestamp),
}

impl Sending {
    /// Since when it is paused.
    pub fn paused_since(self) -> Option<Timestamp> {
        match self {
            Self::Running => None,
            Self::PausedSince(since) => Some(since),
        }
    }

    /// What a pause at `now` makes of it. A second pause keeps the instant of the first.
    pub fn paused(self, now: Timestamp) -> Self {
        Self::PausedSince(self.paused_since().unwrap_or(now))
    }
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
            sending: Sending::Running,
            created_at,
            updated_at: created_at,
        }
    }

    /// The recipient of its deliveries.
    pub fn recipient(&self) -> Recipient {
        match self.address {
            EndpointAddress::Default => Recipient::Tenant(self.tenant_id),
            EndpointAddress::Own(_) => Recipient::Endpoint(self.tenant_id, self.id),
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
    fn a_second_pause_keeps_the_instant_of_the_first() {
        let at = Timestamp::from_millis;
        assert_eq!(Sending::Running.paused(at(5)), Sending::PausedSince(at(5)));
        assert_eq!(Sending::PausedSince(at(5)).paused(at(9)), Sending::PausedSince(at(5)));
        assert_eq!(Sending::Running.paused_since(), None);
    }

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
