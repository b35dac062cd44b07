//! Customers' books are right whatever becomes of events and of the wallet's process, and equal to the instance's books;
//! and applications get rights about customers' own accounts only.
//!
//! The instance is played. The real one is tested with the binary.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as expected")]

mod agreement_accounts;
mod apart;
mod bench;
mod challenges;
mod consents;
mod frozen;
mod holds;
#[expect(dead_code, reason = "each program of tests uses a part of it")]
#[path = "../hydra/mod.rs"]
mod hydra;
mod instance;
mod operators;
mod own_limits;
mod own_use;
mod sequences;
mod streamed;
mod usage;
