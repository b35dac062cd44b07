//! Quotes: what a payment would cost and deliver.
//!
//! Payments are in `outgoing`.

pub(crate) mod create_quote;
pub(crate) mod quote_methods;
