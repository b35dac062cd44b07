//! Events on their way to account-servicing entities: recorded with what caused them, signed, delivered in order,
//! repeated, sent again on request, and purged when they are old.
//!
//! Not the events' content: whoever changes a state builds the event and records it in the same transaction.

mod administration;
mod audience;
mod delivery;
mod delivery_ends;
mod endpoints;
mod ping;
mod purge;
mod record;
mod resend;
mod sending;
mod signature;
mod target;
mod turns;

pub use administration::WebhookAdministration;
pub use audience::Audience;
pub use delivery::{Deliverer, DeliveryCounts, worker_settings};
pub use delivery_ends::DeliveryEnds;
pub use endpoints::{
    CreateEndpointError, DeleteEndpointError, EndpointChange, NewEndpoint, RotateSecretError, UpdateEndpointError,
};
pub use ping::PingError;
pub use purge::{Kept, PURGE_QUEUE, Purger, purge_settings};
pub use record::{QUEUE, Webhooks};
pub use resend::{Reach, Resent};
pub use target::Targets;
pub use turns::lane;
