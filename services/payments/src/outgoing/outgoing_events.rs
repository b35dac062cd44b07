//! The events of outgoing payments.
//! Their recipients are in `webhooks`.

use clock::{Entropy, Timestamp};
use payments_model::payment_events;
use payments_model::webhook_event::{EventType, EventWithdrawal, Subject, WebhookEvent};
use payments_model::{OutgoingPayment, WebhookEventId};

/// The money of a payment, as its event states it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EventMoney {
    /// The amount sent.
    pub(crate) sent: u64,
    /// The balance of its account.
    pub(crate) balance: u64,
    /// The part of the balance that is offered for withdrawal.
    pub(crate) withdrawable: Option<u64>,
}

/// The event `event_type` of `payment`.
pub(crate) fn outgoing_event(
    payment: &OutgoingPayment,
    event_type: EventType,
    money: EventMoney,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> WebhookEvent {
    let amount = money.withdrawable.filter(|amount| *amount > 0);
    let account = payment.id().into();
    WebhookEvent {
        id: WebhookEventId::random(entropy),
        event_type,
        tenant_id: payment.quote.tenant_id,
        data: payment_events::outgoing_payment(payment, money.sent, money.balance),
        subject: Subject::OutgoingPayment(payment.id()),
        withdrawal: amount.map(|amount| EventWithdrawal { account, asset_id: payment.quote.asset.id, amount }),
        created_at: now,
    }
}
