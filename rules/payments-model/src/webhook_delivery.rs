//! The delivery of one event to one recipient, and its attempts.
//!
//! It does not say when to try again: see `webhook_ladder`.

use std::str::FromStr;
use std::time::Duration;

use clock::Timestamp;
use uuid::Uuid;

use crate::{TenantId, WebhookDeliveryId, WebhookEndpointId, WebhookEvent, WebhookEventId};

/// The recipient of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Recipient {
    /// A tenant's default endpoint, named by its settings.
    Tenant(TenantId),
    /// Another endpoint of a tenant.
    Endpoint(TenantId, WebhookEndpointId),
    /// The card service of the instance.
    CardService,
    /// The point-of-sale service of the instance.
    PointOfSaleService,
}

impl Recipient {
    /// The tenant that gets the event; `None` for the instance's own services.
    pub fn tenant(self) -> Option<TenantId> {
        match self {
            Self::Tenant(tenant) | Self::Endpoint(tenant, _) => Some(tenant),
            Self::CardService | Self::PointOfSaleService => None,
        }
    }

    /// The endpoint that gets the event, and its tenant; `None` for the instance's own services.
    pub fn endpoint(self) -> Option<(TenantId, WebhookEndpointId)> {
        match self {
            Self::Tenant(tenant) => Some((tenant, WebhookEndpointId::from_uuid(tenant.as_uuid()))),
            Self::Endpoint(tenant, endpoint) => Some((tenant, endpoint)),
            Self::CardService | Self::PointOfSaleService => None,
        }
    }
}

/// The delivery of one event to one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookDelivery {
    /// Its id.
    pub id: WebhookDeliveryId,
    /// The event.
    pub event_id: WebhookEventId,
    /// The recipient.
    pub recipient: Recipient,
    /// The subject of the event. Deliveries about one subject reach a recipient in order. A delivery without a subject
    /// waits for no other.
    pub subject: Option<Uuid>,
    /// The number of attempts.
    pub attempts: u32,
    /// The number of attempts before the last request to send it again.
    pub attempts_before: u32,
    /// The last HTTP status from the recipient.
    pub status_code: Option<u16>,
    /// The error of the last attempt.
    pub reason: Option<String>,
    /// Its state.
    pub state: DeliveryState,
    /// The time of the next attempt, if it is known.
    pub due_at: Option<Timestamp>,
    /// The time at which it was recorded.
    pub created_at: Timestamp,
    /// The time of the last change.
    pub updated_at: Timestamp,
}

impl WebhookDelivery {
    /// Makes the delivery of a new event, without attempts.
    pub fn new(id: WebhookDeliveryId, event: &WebhookEvent, recipient: Recipient) -> Self {
        Self {
            id,
            event_id: event.id,
            recipient,
            subject: event.subject.id().filter(|_| event.event_type.is_in_order()),
            attempts: 0,
            attempts_before: 0,
            status_code: None,
            reason: None,
            state: DeliveryState::Pending,
            due_at: None,
            created_at: event.created_at,
            updated_at: event.created_at,
        }
    }

    /// The number of attempts since it was recorded, or since the last request to send it again.
    pub fn attempts_of_this_round(&self) -> u32 {
        self.attempts.saturating_sub(self.attempts_before)
    }
}

macro_rules! delivery_states {
    ($( $(#[$doc:meta])* $variant:ident = $name:literal ),* $(,)?) => {
        /// The state of a delivery.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum DeliveryState {
            $( $(#[$doc])* $variant ),*
        }

        impl DeliveryState {
            /// Every state.
            pub const ALL: &'static [Self] = &[ $( Self::$variant ),* ];

            /// The name used in the database and in the Admin API.
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $name ),* }
            }
        }
    };
}

delivery_states! {
    /// It waits for its first or next attempt.
    Pending = "PENDING",
    /// The recipient answered with status 200.
    Delivered = "DELIVERED",
    /// It fails repeatedly while its recipient accepts others. It is still tried, but the next event about the same
    /// subject does not wait for it any more.
    Quarantined = "QUARANTINED",
    /// The allowed number of attempts was made, without success.
    Exhausted = "EXHAUSTED",
}

impl DeliveryState {
    /// Whether it will be tried without a new request.
    pub const fn is_under_way(self) -> bool {
        matches!(self, Self::Pending | Self::Quarantined)
    }
}

/// The text does not name a state of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown state of a delivery")]
pub struct UnknownDeliveryState;

impl FromStr for DeliveryState {
    type Err = UnknownDeliveryState;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|state| state.as_str() == text).ok_or(UnknownDeliveryState)
    }
}

/// One attempt of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookAttempt {
    /// Its number, from 1.
    pub number: u32,
    /// The time at which it began.
    pub began_at: Timestamp,
    /// Its duration.
    pub duration: Duration,
    /// The HTTP status received, if there was an answer.
    pub status_code: Option<u16>,
    /// The beginning of the answer's body.
    pub body: Option<String>,
    /// Its error; `None` if it succeeded.
    pub error: Option<String>,
}

/// The most octets of an answer's body that are kept.
pub const BODY_KEPT: usize = 1024;

/// The beginning of a body, as a text that every database can store. Octets that are not text are replaced. So are
/// control characters, except tabs and ends of lines.
pub fn kept_body(body: &[u8]) -> Option<String> {
    let beginning = &body[..body.len().min(BODY_KEPT)];
    let replaced = |c: char| if c.is_control() && !matches!(c, '\n' | '\r' | '\t') { '\u{fffd}' } else { c };
    let text: String = String::from_utf8_lossy(beginning).chars().map(replaced).collect();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_body_the_first_kibibyte_is_kept_as_text() {
        assert_eq!(kept_body(b""), None);
        assert_eq!(kept_body(b"no\r\nsuch\tevent").as_deref(), Some("no\r\nsuch\tevent"));
        assert_eq!(kept_body(b"a\0b\x1b[31m\xff").as_deref(), Some("a\u{fffd}b\u{fffd}[31m\u{fffd}"));
        assert_eq!(kept_body(&[b'x'; 5000]).map(|text| text.len()), Some(BODY_KEPT));
    }
}
