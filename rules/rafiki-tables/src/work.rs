//! Jobs that a moved row needs later, in the terms of payments.
//!
//! The names of the queues are in the services.

use clock::Timestamp;
use uuid::Uuid;

/// The recipient of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// A tenant.
    Tenant(Uuid),
    /// The card service.
    CardService,
    /// The point-of-sale service.
    PointOfSaleService,
}

/// A job that will be due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DueJob {
    /// An incoming payment ends.
    Expire {
        /// The payment.
        payment: Uuid,
        /// When.
        at: Timestamp,
    },
    /// An outgoing payment is sent.
    Send {
        /// The payment.
        payment: Uuid,
        /// When.
        at: Timestamp,
        /// The host of its receiver; `None` if it is delivered within this institution.
        host: Option<String>,
    },
    /// An outgoing payment is cancelled if it is not funded.
    GiveUp {
        /// The payment.
        payment: Uuid,
        /// When.
        at: Timestamp,
    },
    /// Money paid directly to a wallet address is announced.
    Announce {
        /// The wallet address.
        address: Uuid,
        /// When.
        at: Timestamp,
    },
    /// An event is delivered.
    Deliver {
        /// The delivery.
        delivery: Uuid,
        /// When.
        at: Timestamp,
        /// The number of attempts so far.
        attempts: u32,
        /// The recipient.
        recipient: Recipient,
    },
}
