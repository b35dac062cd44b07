//! The listener as clients see it, over the real services and a simulated authorization server.
//!
//! The rules of payments are tested in their crate.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod actions;
mod authorization;
mod bearer;
mod hostile;
mod idempotency_keys;
mod incoming_payments;
mod listener;
mod matrix;
mod outgoing_payments;
mod provider;
mod quotes;
mod wallet_addresses;
mod world;
