//! What an open page follows.
//!
//! The polls that ask for it are in `following`.

use admin_client::Followed;
use uuid::Uuid;

/// What the page at this path shows.
pub(crate) fn of(path: &str) -> Followed {
    let id = |prefix: &str| path.strip_prefix(prefix).and_then(|rest| Uuid::parse_str(rest).ok());
    if let Some(id) = id("/payments/outgoing/") {
        return Followed::OutgoingPayment(id);
    }
    if let Some(id) = id("/payments/incoming/") {
        return Followed::IncomingPayment(id);
    }
    if let Some(id) = id("/webhooks/deliveries/") {
        return Followed::Delivery(id);
    }
    match path {
        "/webhooks/deliveries" => Followed::Deliveries,
        "/webhook-events" => Followed::Events,
        "/liquidity" => Followed::Liquidity,
        _ => Followed::Payments,
    }
}

/// Who follows what: the tenant, a digest of its secret, and the subject.
pub(crate) type Key = (Uuid, [u8; 32], Followed);
