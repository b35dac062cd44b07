//! Events on their way to account-servicing entities: recorded with what caused them, signed, delivered, repeated.
//!
//! Not the events' content: whoever changes a state builds the event and records it in the same transaction.

mod audience;
mod delivery;
mod delivery_ends;
mod record;
mod signature;
mod target;

pub use audience::Audience;
pub use delivery::{Deliverer, DeliveryCounts, worker_settings};
pub use delivery_ends::DeliveryEnds;
pub use record::{QUEUE, Webhooks, lane};
pub use signature::{Signing, signature_header};
pub use target::Targets;
