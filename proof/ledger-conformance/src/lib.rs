//! One suite for every ledger engine: an independent model computes each expected answer.
//!
//! It shares only the types of requests and results with the engines.

mod expectation;
mod generator;
mod model;
mod suite;

pub use expectation::payers_at_once;
pub use generator::{Generator, Scope, Step};
pub use model::Model;
pub use suite::{callers_at_once, same_answers, same_past, totals_of_two_ledgers};
