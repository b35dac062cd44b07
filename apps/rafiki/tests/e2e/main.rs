//! The built binary, run as its users run it: two institutions, real sockets, real files, real signals.
//!
//! Not a unit test of anything: what is wrong in one crate is found by that crate's own tests.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as expected")]

mod alarms;
mod asking;
mod auto_peering;
mod books;
mod cards;
mod crashes;
mod institutions;
mod moved;
mod numbers;
mod paying;
mod payments;
mod recipes;
mod replicas;
mod roles;
mod starting;
mod statements;
mod strangers;
mod tigerbeetle;
mod words;
