//! Exchange rates: their sources, their lifetime, and conversions.
//!
//! It has no floats and no fees. Rates are exact decimals, read from the text of the answer.

mod conversion;
mod fetch;
mod http;
mod rates;
mod table;

pub use conversion::{Conversion, convert_destination_ceil, convert_source_floor};
pub use fetch::{FetchError, FetchRates};
pub use http::HttpRates;
pub use rates::{ConversionError, NotFetched, Rates, RatesSettings, TableInUse};
pub use table::{InvalidTable, RateTable};
