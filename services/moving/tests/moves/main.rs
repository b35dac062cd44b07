//! A used Rafiki 2.4 moved into our databases, as its own totals say.
//!
//! Not the command: that is run with the binary.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as expected")]

mod damage;
mod interrupted;
mod later_passes;
mod places;
mod totals;
mod whole;
