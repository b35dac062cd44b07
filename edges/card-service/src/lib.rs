//! The card service of an institution: takes payment requests of points of sale, has its customers' outgoing payments
//! made, and answers whether they were funded.
//!
//! It judges no card: that is the account-servicing entity's. It knows the instance through the Admin API and webhooks
//! only, and keeps what it was asked, so that any of its processes may answer, also after a crash.

mod callers;
pub mod http;
mod outcome;
mod requests;
mod store;
mod tenants;
mod wire;
mod work;

pub use callers::{Callers, PointOfSaleKeys};
pub use requests::{CardService, Ports, Settings};
pub use store::MIGRATIONS;
pub use tenants::Tenants;
