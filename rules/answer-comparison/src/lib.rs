//! Compares the answers of two installations to the same request: status, shape, amounts, totals. Ids and times that
//! each installation generated may differ. Personal data is not shown.
//!
//! It makes no requests.

#![warn(missing_docs)]

mod comparing;
mod difference;
mod ids;
mod known;
mod purpose;
mod route;

pub use comparing::{Allowed, Answer, Compared, Exchange, Sums, compare};
pub use difference::{Amount, Difference, Subject, What};
pub use known::Known;
pub use purpose::Purpose;
pub use route::Route;
