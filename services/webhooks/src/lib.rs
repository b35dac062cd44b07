//! Events for account-servicing entities. An event is recorded with the change that caused it, then signed, delivered
//! in order, and repeated if needed. It can be sent again on request, and it is purged when it is old.
//!
//! It does not make the events: the code that changes a state builds the event and records it in the same transaction.

mod administration;
mod audience;
mod delivery;
mod delivery_ends;
mod endpoints;
mod grant_events;
mod pause;
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
pub use grant_events::{GrantEvent, GrantEventError, GrantEventRecorder};
pub use pause::{PauseError, Which};
pub use ping::PingError;
pub use purge::{Kept, PURGE_QUEUE, Purger, purge_settings};
pub use record::{QUEUE, Webhooks};
pub use resend::{Reach, Resent};
pub use target::Targets;
pub use turns::lane;
