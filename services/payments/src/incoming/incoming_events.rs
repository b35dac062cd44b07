//! The events of incoming payments.
//!
//! Not their delivery.

use clock::{Entropy, Timestamp};
use payments_model::payment_events;
use payments_model::webhook_event::{EventType, EventWithdrawal, Subject, WebhookEvent};
use payments_model::{IncomingPayment, InitiatedBy, WebhookEventId};
use payments_store::{Error, Unit};
use webhooks::{Audience, Webhooks};

/// A payment was created.
pub(crate) fn created_event(payment: &IncomingPayment, now: Timestamp, entropy: &dyn Entropy) -> WebhookEvent {
    event(payment, EventType::IncomingPaymentCreated, 0, None, now, entropy)
}

/// Records the end of a payment with what was received and not announced before; without any it is silent.
///
/// An event states the money that its own withdrawal takes. There is one, except for payments that older versions ended
/// before their last credit.
pub(crate) async fn announce(
    webhooks: &Webhooks,
    unit: &Unit,
    payment: &mut IncomingPayment,
    total: u64,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<(), Error> {
    let amount = payment.announce(total);
    if amount == 0 {
        return Ok(());
    }
    let event_type =
        if payment.is_completed() { EventType::IncomingPaymentCompleted } else { EventType::IncomingPaymentExpired };
    let withdrawal = EventWithdrawal { account: payment.id.into(), asset_id: payment.asset.id, amount };
    let event = event(payment, event_type, amount, Some(withdrawal), now, entropy);
    let audience = match payment.initiated_by {
        InitiatedBy::Card => Audience::tenant(payment.tenant_id).and_point_of_sale(),
        InitiatedBy::OpenPayments | InitiatedBy::Admin => Audience::tenant(payment.tenant_id),
    };
    webhooks.record(unit, &event, &audience).await
}

fn event(
    payment: &IncomingPayment,
    event_type: EventType,
    received: u64,
    withdrawal: Option<EventWithdrawal>,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> WebhookEvent {
    WebhookEvent {
        id: WebhookEventId::random(entropy),
        event_type,
        tenant_id: payment.tenant_id,
        data: payment_events::incoming_payment(payment, received),
        subject: Subject::IncomingPayment(payment.id),
        withdrawal,
        created_at: now,
    }
}
