//! Measures a peer by packets: its clock, the largest packet it takes, how it treats expiry, whether its rate is the one
//! that was agreed, its receipts, and how fast it answers.
//!
//! It knows no Admin API and no ledger. No money moves, except where an amount to pay is given.

#![warn(missing_docs)]

mod check;
mod checks;
mod line;
mod probe;
mod receiver;
mod run;

pub use check::{Check, Report, Verdict};
pub use probe::{Expected, PeerLine, Probe};
pub use receiver::{ReadReceiverError, Receiver};
pub use run::ProbeError;
