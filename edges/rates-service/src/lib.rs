//! A service of exchange rates: the tables of a file, which may change while the service runs, or of a seed.
//!
//! Rates are exact decimals from the text of the file to the text of the answer. Nothing is computed here.

mod book;
mod file;
pub mod http;
mod service;

pub use book::{RateBook, UnknownBase};
pub use file::{RatesFileError, Rows};
pub use service::RatesService;
