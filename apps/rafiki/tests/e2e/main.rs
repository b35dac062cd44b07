//! The built binary, run like users run it: two institutions, real sockets, real files, real signals.
//!
//! These are not unit tests. Each crate has tests of its own.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as expected")]

mod adoption;
mod alarms;
mod asking;
mod auto_peering;
mod backups;
mod books;
mod cards;
mod collectors;
mod conformance;
mod crashes;
mod events;
mod gateway;
mod institutions;
mod inventory;
mod moved;
mod moved_clock;
mod numbers;
mod operating;
mod paying;
mod payments;
mod peer_probe;
mod recipes;
mod replicas;
mod role_process;
mod roles;
mod separate;
mod services;
mod shadow;
mod shop;
mod signatures;
mod starting;
mod statements;
mod strangers;
mod tenant;
mod testnet;
mod tigerbeetle;
mod trace;
mod usage;
mod words;
