//! One event on its way to one recipient, and each attempt to bring it there.
//!
//! Not when it is tried again: that is `webhook_ladder`.

use std::str::FromStr;
use std::time::Duration;

use clock::Timestamp;
use uuid::Uuid;

use crate::{TenantId, WebhookDeliveryId, WebhookEndpointId, WebhookEvent, WebhookEventId};

/// Where a delivery goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Recipient {
    /// A tenant's default endpoint, by its settings.
    Tenant(TenantId),
    /// Another endpoint of a tenant.
    Endpoint(TenantId, WebhookEndpointId),
    /// The card service of the instance.
    CardService,
    /// The point-of-sale service of the instance.
    PointOfSaleService,
}

impl Recipient {
    /// The tenant that is told; `None` for the instance's own services.
    pub fn tenant(self) -> Option<TenantId> {
        match self {
            Self::Tenant(tenant) | Self::Endpoint(tenant, _) => Some(tenant),
            Self::CardService | Self::PointOfSaleService => None,
        }
    }
}

/// One event on its way to one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookDelivery {
    /// Its id.
    pub id: WebhookDeliveryId,
    /// What is delivered.
    pub event_id: WebhookEventId,
    /// The recipient.
    pub recipient: Recipient,
    /// What the event is about. Deliveries about one thing reach a recipient in order; `None` waits for no other.
    pub subject: Option<Uuid>,
    /// How often it was tried.
    pub attempts: u32,
    /// How many of those were made before somebody asked for it to be sent again.
    pub attempts_before: u32,
    /// The last HTTP status received.
    pub status_code: Option<u16>,
    /// Why the last attempt did not succeed.
    pub reason: Option<String>,
    /// Where it stands.
    pub state: DeliveryState,
    /// When it is tried next, if that is known.
    pub due_at: Option<Timestamp>,
    /// Since when it is on its way.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl WebhookDelivery {
    /// The delivery of a new event, not tried yet.
    pub fn new(id: WebhookDeliveryId, event: &WebhookEvent, recipient: Recipient) -> Self {
        Self {
            id,
            event_id: event.id,
            recipient,
            subject: event.subject.id(),
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

    /// How often it was tried since it was recorded, or since somebody asked for it to be sent again.
    pub fn attempts_of_this_round(&self) -> u32 {
        self.attempts.saturating_sub(self.attempts_before)
    }
}

macro_rules! delivery_states {
    ($( $(#[$doc:meta])* $variant:ident = $name:literal ),* $(,)?) => {
        /// Where a delivery stands.
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
    /// It will be tried, perhaps again.
    Pending = "PENDING",
    /// It was answered with 200.
    Delivered = "DELIVERED",
    /// It fails again and again while its recipient takes others. It is still tried, and the next event about the
    /// same thing does not wait for it any more.
    Quarantined = "QUARANTINED",
    /// It was tried as often as allowed: a dead letter.
    Exhausted = "EXHAUSTED",
}

impl DeliveryState {
    /// Whether it is tried again by itself.
    pub const fn is_under_way(self) -> bool {
        matches!(self, Self::Pending | Self::Quarantined)
    }
}

/// The text is no state of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown state of a delivery")]
pub struct UnknownDeliveryState;

impl FromStr for DeliveryState {
    type Err = UnknownDeliveryState;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|state| state.as_str() == text).ok_or(UnknownDeliveryState)
    }
}

/// One attempt to bring a delivery to its recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookAttempt {
    /// Which attempt of the delivery it was, from 1.
    pub number: u32,
    /// When it began.
    pub began_at: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// The HTTP status received, if there was an answer.
    pub status_code: Option<u16>,
    /// The beginning of the answer's body.
    pub body: Option<String>,
    /// Why it did not succeed.
    pub error: Option<String>,
}

/// How many octets of an answer's body are kept.
pub const BODY_KEPT: usize = 1024;

/// The beginning of a body as a text that every database can keep: what is no text, and control characters but line
/// ends and tabulators, are replaced.
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
