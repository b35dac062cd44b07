//! A black-box kit: cases that any server of Open Payments, GNAP, SPSP and Interledger should pass, run against one.
//!
//! The cases are data, in `cases.json`. This crate sends what they say, and compares. It knows no server from inside,
//! and pays a hundred smallest units at most.

#![warn(missing_docs)]

mod case;
mod expectation;
mod packets;
mod report;
mod run;
mod sending;

pub use case::{Area, Case, CasesError, Need, cases};
pub use report::{Outcome, Report, Verdict};
pub use run::{Client, Kit, PeerAccess};
