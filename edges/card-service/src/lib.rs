//! The card service of an institution. It receives payment requests from points of sale, creates outgoing payments of
//! its customers, and answers whether they were funded.
//!
//! The account-servicing entity checks the card. The service uses the instance only through the Admin API and webhooks.
//! It stores every request, so any of its processes may answer, also after a crash.

mod callers;
pub mod http;
mod outcome;
mod requests;
mod store;
mod tenants;
mod wire;
mod work;

pub use callers::{Callers, PointOfSaleKeys};
pub use requests::{CardService, CardServicePorts, CardServiceSettings};
pub use store::MIGRATIONS;
pub use tenants::Tenants;
