//! A black-box kit: cases that any server of Open Payments, GNAP, SPSP and Interledger should pass, run against one.
//!
//! The cases are data, in `cases.json`. This crate sends what they say, and compares. It knows no server from inside,
//! and pays a hundred smallest units at most; five hundred more if it may consent for the owner of the wallet address.

#![warn(missing_docs)]

mod case;
mod consent;
mod expectation;
mod kit;
mod packets;
mod report;
mod run;
mod sending;

pub use case::{Area, Case, CasesError, Need, cases};
pub use kit::{Client, Kit, Owner, PeerAccess};
pub use report::{Outcome, Report, Verdict};
