//! The events of outgoing payments. Their recipients are in `webhooks`.

use clock::{Entropy, Timestamp};
use payments_model::payment_events;
use payments_model::webhook_event::{EventType, EventWithdrawal, Subject, WebhookEvent};
use payments_model::{OutgoingPayment, WebhookEventId};

/// The event `event_type` of `payment`, with the amount sent and the balance of its account.
///
/// `withdrawable` is the part of the balance that is offered for withdrawal.
pub(crate) fn outgoing_event(
    payment: &OutgoingPayment,
    event_type: EventType,
    sent: u64,
    balance: u64,
    withdrawable: Option<u64>,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> WebhookEvent {
    let amount = withdrawable.filter(|amount| *amount > 0);
    let account = payment.id().into();
    WebhookEvent {
        id: WebhookEventId::random(entropy),
        event_type,
        tenant_id: payment.quote.tenant_id,
        data: payment_events::outgoing_payment(payment, sent, balance),
        subject: Subject::OutgoingPayment(payment.id()),
        withdrawal: amount.map(|amount| EventWithdrawal { account, asset_id: payment.quote.asset.id, amount }),
        created_at: now,
    }
}
