//! Reads the databases of the original Rafiki, each in one consistent snapshot.
//!
//! Nothing is written there. What the rows mean is decided in `rafiki-tables`.

mod checks;
mod queries;
mod snapshot;
mod sums;

pub use snapshot::{CountedTable, Fault, Old, SourceError, UnknownAllowed};
pub use sums::Transfers;
