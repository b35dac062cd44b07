//! One fault in the books, described for a person.
//!
//! It does not say how to repair the fault.

use std::fmt;

use uuid::Uuid;

/// A fault in the books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// More was credited to an incoming payment than its amount.
    Overpaid { payment: Uuid, asked: u128, received: u128 },
    /// The whole amount has arrived, and the payment is still open.
    PaidButOpen { payment: Uuid, received: u128 },
    /// The events of an account announce another amount than was credited to it.
    AnnouncedIsNotReceived { account: Uuid, announced: u128, received: u128 },
    /// Another amount was withdrawn from an account than its events announced.
    WithdrawnIsNotAnnounced { account: Uuid, announced: u128, withdrawn: u128 },
    /// Money is still reserved on an account although nothing is under way.
    Held { account: Uuid, amount: u128 },
    /// An outgoing payment has not ended.
    NotEnded { payment: Uuid, state: String },
    /// An outgoing payment ended, and its end has no event or several.
    EndTold { payment: Uuid, state: String, times: usize },
    /// An outgoing payment ended, and its account holds more or less than its end announced.
    LeftInPayment { payment: Uuid, left: u128, announced: u128 },
    /// A packet is stored as under way for a payment that has ended.
    PacketOfEndedPayment { payment: Uuid },
    /// A job waits for an object that has ended.
    JobOfEnded { queue: String, key: String },
    /// An event was not delivered.
    NotDelivered { event: Uuid, recipient: String, state: String },
    /// The wallet has not processed an event.
    NotDealtWith { event: Uuid, kind: String, state: String },
    /// The wallet credited another amount to its customers than was withdrawn for them.
    CreditedIsNotWithdrawn { credited: u128, withdrawn: u128 },
    /// The wallet debited another amount to its customers than the instance sent for them.
    DebitedIsNotSent { debited: u128, sent: u128 },
    /// The wallet has not finished with what it held for a payment.
    HoldOpen { payment: Uuid, state: String },
    /// The wallet still reserves a customer's money although nothing is under way.
    CustomerHeld { account: Uuid, amount: u128 },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overpaid { payment, asked, received } => {
                write!(f, "incoming payment {payment} asked for {asked} and received {received}")
            }
            Self::PaidButOpen { payment, received } => {
                write!(f, "incoming payment {payment} has received {received}, all it asked for, and is still open")
            }
            Self::AnnouncedIsNotReceived { account, announced, received } => {
                write!(f, "account {account} received {received}, its events announce {announced}")
            }
            Self::WithdrawnIsNotAnnounced { account, announced, withdrawn } => {
                write!(f, "the events of account {account} announce {announced}, withdrawn were {withdrawn}")
            }
            Self::Held { account, amount } => write!(f, "account {account} still holds {amount}"),
            Self::NotEnded { payment, state } => write!(f, "outgoing payment {payment} is still {state}"),
            Self::EndTold { payment, state, times } => {
                write!(f, "outgoing payment {payment} is {state}, which was told {times} times instead of once")
            }
            Self::LeftInPayment { payment, left, announced } => {
                write!(f, "outgoing payment {payment} has {left} left, its end announced {announced}")
            }
            Self::PacketOfEndedPayment { payment } => {
                write!(f, "a packet of the ended outgoing payment {payment} is still noted as under way")
            }
            Self::JobOfEnded { queue, key } => write!(f, "a job of {queue:?} waits for {key}, which has ended"),
            Self::NotDelivered { event, recipient, state } => {
                write!(f, "the delivery of event {event} to {recipient} is {state}")
            }
            Self::NotDealtWith { event, kind, state } => {
                write!(f, "the wallet's event {event} ({kind}) is {state}")
            }
            Self::CreditedIsNotWithdrawn { credited, withdrawn } => {
                write!(f, "the wallet credited {credited} to its customers, withdrawn for them were {withdrawn}")
            }
            Self::DebitedIsNotSent { debited, sent } => {
                write!(f, "the wallet debited {debited} to its customers without fees, sent for them were {sent}")
            }
            Self::HoldOpen { payment, state } => write!(f, "the wallet's hold for payment {payment} is {state}"),
            Self::CustomerHeld { account, amount } => {
                write!(f, "the wallet still reserves {amount} of account {account}")
            }
        }
    }
}
