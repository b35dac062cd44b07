//! The point-of-sale service of an institution: terminals of its merchants send it presented cards, and it says truly
//! whether the money has arrived.
//!
//! It knows its own instance through the Admin API and webhooks only, and the payer's through public addresses. What it
//! was asked it keeps, so that any of its processes may answer, also after a crash.

mod asked_card;
pub mod http;
mod outcome;
mod refund;
mod service;
mod store;
mod tap;
mod terminals;
mod wire;

pub use service::{PointOfSale, Ports, Settings};
pub use store::MIGRATIONS;
pub use terminals::{NewTerminal, TerminalRecord, Terminals};
