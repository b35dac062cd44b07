//! Reads the databases of the original Rafiki, each in one consistent snapshot.
//!
//! It writes nothing there. The meaning of the rows is in `rafiki-tables`.

mod checks;
mod queries;
mod snapshot;
mod sums;

pub use snapshot::{CountedTable, Fault, Old, SourceError, UnknownAllowed};
pub use sums::Transfers;
