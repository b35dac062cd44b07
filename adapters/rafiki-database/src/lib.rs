//! Reads the databases of the original Rafiki, each in one consistent snapshot, and fills empty ones for the way back.
//!
//! A database that is read is not written to. The meaning of the rows is in `rafiki-tables`.

mod books_in;
mod checks;
mod cluster;
mod queries;
mod receiving;
mod snapshot;
mod sums;

pub use books_in::BooksIn;
pub use receiving::{Receiving, ReceivingError};
pub use snapshot::{CountedTable, Fault, Old, SourceError, UnknownAllowed};
pub use sums::Transfers;
