//! The event types, and the object that an event is about, for the pages that show events.
//!
//! The pages are in `webhook_events` and `deliveries`.

use admin_client::WebhookEventView;
use uuid::Uuid;

use crate::context::{Ctx, Problem};
use crate::view::Cell;

/// Every event type of an instance.
pub(crate) const KINDS: [&str; 16] = [
    "incoming_payment.created",
    "incoming_payment.partial_payment_received",
    "incoming_payment.completed",
    "incoming_payment.expired",
    "outgoing_payment.created",
    "outgoing_payment.funded",
    "outgoing_payment.completed",
    "outgoing_payment.failed",
    "outgoing_payment.cancelled",
    "wallet_address.not_found",
    "wallet_address.web_monetization",
    "asset.liquidity_low",
    "peer.liquidity_low",
    "grant.created",
    "grant.revoked",
    "ledger.alarm",
];

/// The types that the address selects.
pub(crate) fn kinds(ctx: &Ctx) -> Result<Vec<String>, Problem> {
    let asked = ctx.asked("type").unwrap_or_default().split(',').filter(|kind| !kind.is_empty());
    let kinds: Vec<String> = asked.map(str::to_owned).collect();
    if kinds.iter().all(|kind| KINDS.contains(&kind.as_str())) {
        Ok(kinds)
    } else {
        Err(Problem::Invalid("Invalid result."))
    }
}

/// A link to the object of the event.
pub(crate) fn about(event: &WebhookEventView) -> Cell {
    let id = event.data["id"].as_str().unwrap_or_default();
    if Uuid::parse_str(id).is_err() {
        return Cell::Absent("–");
    }
    let place = match event.kind.split('.').next().unwrap_or_default() {
        "incoming_payment" => "payments/incoming",
        "outgoing_payment" => "payments/outgoing",
        "wallet_address" => "wallet-addresses",
        "asset" => "assets",
        "peer" => "peers",
        _ => return Cell::text(id),
    };
    Cell::link(format!("/{place}/{id}"), id.chars().take(8).collect::<String>())
}
