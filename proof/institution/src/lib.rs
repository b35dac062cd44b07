//! A complete institution for tests: stores, ledger, connector, webhooks, payments, administration.
//!
//! It has no listener; a test adds one if it needs it. It reaches a peer only if the test gives it an uplink.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod outside;
mod process;
mod setup;

pub use process::Institution;
pub use setup::{CacheIn, LedgerOf, OPERATOR, Setup};
