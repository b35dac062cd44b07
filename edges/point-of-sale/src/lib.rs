//! The point-of-sale service of an institution. Terminals of its merchants send it presented cards, and it answers
//! whether the money has arrived.
//!
//! It uses its own instance only through the Admin API and webhooks, and the payer's only through public URLs. It
//! stores every request, so any of its processes may answer, also after a crash.

mod asked_card;
pub mod http;
mod outcome;
mod refund;
mod service;
mod store;
mod tap;
mod terminals;
mod wire;

pub use service::{PointOfSale, PointOfSalePorts, PointOfSaleSettings};
pub use store::MIGRATIONS;
pub use terminals::{NewTerminal, TerminalRecord, Terminals};
