//! Paying over STREAM (RFC 29, section 4.4.2): probe the path, quote, and send within the limits of the quote.
//!
//! State machines without input or output of their own. Each is driven the same way:
//!
//! * `poll_prepare(now, entropy)` gives the next packet to send, the instant to wait for, or the result;
//! * `handle_reply(now, sequence, octets)` takes the reply to a packet.
//!
//! Polling again after each reply and at each announced instant is all a driver has to do; packets may be sent and
//! replies handed in concurrently and in any order.

#![warn(missing_docs)]

mod asset_probe;
mod close;
mod control;
mod error;
mod exchange;
mod packet_limit;
mod payment;
mod poll;
mod probe;
mod quote;
mod quoting;
mod rate_bounds;
mod window;

pub use asset_probe::AssetProbe;
pub use close::Closer;
pub use error::PaymentError;
pub use exchange::Destination;
pub use payment::{InvalidQuote, Outcome, Payment};
pub use poll::{OutgoingPrepare, Poll};
pub use probe::{PathEstimate, RateProbe};
pub use quote::{InvalidSlippage, Quote, QuoteTerms, Slippage, Target, minimum_rate, rounding_allowance};
pub use quoting::{NoQuote, Quoting};
pub use rate_bounds::RateBounds;
