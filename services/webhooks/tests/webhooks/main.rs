//! Events on their way to real receivers, on a manual clock and on both databases.
//! Which service records which event is tested in `services/payments`.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as expected")]

mod deliveries;
mod endpoints;
mod hanging;
mod order;
mod outage;
mod pause;
mod purge;
mod quarantine;
mod resend;
mod scene;
