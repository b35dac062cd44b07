//! Exchange rates: where they come from, how long they are good, and the conversion they make.
//!
//! Rates are exact decimals read from the text of the answer; no floats, no fees.

mod conversion;
mod fetch;
mod http;
mod rates;
mod table;

pub use conversion::{Conversion, convert_destination_ceil, convert_source_floor};
pub use fetch::{FetchError, FetchRates};
pub use http::HttpRates;
pub use rates::{ConversionError, Rates, RatesSettings};
pub use table::{InvalidTable, RateTable};
