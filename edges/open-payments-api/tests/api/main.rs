//! The listener as clients see it, over a backend in memory and a stand-in authorization server.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod actions;
mod authorization;
mod fake_backend;
mod hostile;
mod idempotency_keys;
mod incoming_payments;
mod listener;
mod outgoing_payments;
mod quotes;
mod real_backend;
mod wallet_addresses;
mod world;
