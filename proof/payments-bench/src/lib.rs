//! Two institutions as processes, an account-servicing entity that funds payments when it is told of them, and payers.
//!
//! Not a test and not a measurement by itself: both are made of it.

mod entity;
mod institutions;
mod payer;
mod statements;

pub use entity::Entity;
pub use institutions::{Institutions, Storage};
pub use payer::{Payer, Way};
pub use statements::{Counted, StatementLog};

/// What may fail here fails the measurement.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
