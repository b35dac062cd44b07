//! The events of incoming payments.
//! Their delivery is in `webhooks`.

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

/// Writes the event of a payment's end, with the amount that no earlier event announced. If that amount is zero, no
/// event is written.
///
/// Each event states the money that its own withdrawal takes. A payment has one such event, except payments that older
/// versions ended before their last credit.
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
