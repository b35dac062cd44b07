//! What a payment will cost and deliver, decided before it is made.
//!
//! Not the payment; that is `outgoing`.

pub(crate) mod create_quote;
pub(crate) mod quote_methods;
