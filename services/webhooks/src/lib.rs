//! Webhook events: recorded with the change that caused them, signed, delivered, retried.
//!
//! Their content is made by the code that changes a state. It records the event in the same transaction.

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
