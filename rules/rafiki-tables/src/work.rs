//! What is left to do about a carried row: the jobs of our queues, in words of the payments.
//!
//! Not the queues: their names belong to the services that serve them.

use clock::Timestamp;
use uuid::Uuid;

/// Who is told of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// A tenant.
    Tenant(Uuid),
    /// The card service.
    CardService,
    /// The point-of-sale service.
    PointOfSaleService,
}

/// Something that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// An incoming payment ends.
    Expire {
        /// Which.
        payment: Uuid,
        /// When.
        at: Timestamp,
    },
    /// An outgoing payment goes on.
    Send {
        /// Which.
        payment: Uuid,
        /// When.
        at: Timestamp,
        /// The host of its receiver; `None` if it is delivered within this institution.
        host: Option<String>,
    },
    /// An outgoing payment is given up unless it is funded.
    GiveUp {
        /// Which.
        payment: Uuid,
        /// When.
        at: Timestamp,
    },
    /// Money paid straight to a wallet address is announced.
    Announce {
        /// Which address.
        address: Uuid,
        /// When.
        at: Timestamp,
    },
    /// An event is delivered.
    Deliver {
        /// Which delivery.
        delivery: Uuid,
        /// When.
        at: Timestamp,
        /// How often it was tried.
        attempts: u32,
        /// To whom.
        recipient: Recipient,
    },
}
