//! Two institutions as processes, an account-servicing entity that funds announced payments, and payers.
//!
//! Tests and measurements are built on this.

mod entity;
mod institutions;
mod payer;
mod statements;

pub use entity::Entity;
pub use institutions::{Institutions, Storage};
pub use payer::{Payer, Way};
pub use statements::{Counted, StatementLog};

/// An error here makes the measurement fail.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
