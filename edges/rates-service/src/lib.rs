//! A service of exchange rates, from a seed or from a file that may change while the service runs.
//!
//! Rates are exact decimals from the text of the file to the text of the answer. The service computes nothing.

mod book;
mod file;
pub mod http;
mod service;

pub use book::{RateBook, UnknownBase};
pub use file::{RatesFileError, Rows};
pub use service::RatesService;
