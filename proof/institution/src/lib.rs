//! A complete institution for tests: stores, ledger, connector, webhooks, payments, administration.
//!
//! Not a listener: a test of one puts it on top. Nobody outside is reachable unless the test gives it an uplink.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod outside;
mod process;
mod setup;

pub use process::Institution;
pub use setup::{CacheIn, LedgerOf, OPERATOR, Setup};
