//! A used Rafiki 2.4 moved into our databases. Its totals must stay the same.
//!
//! The command `rafiki import` is tested with the binary.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as expected")]

mod back;
mod cluster;
mod damage;
mod interrupted;
mod later_passes;
mod places;
mod totals;
mod whole;
