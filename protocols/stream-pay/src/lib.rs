//! Pays over STREAM (RFC 29, section 4.4.2): it probes the path, makes a quote, and sends within the limits of the
//! quote.
//! Frames, encryption and the receiver are in `stream`; sockets and clocks are the caller's.
//!
//! The state machines do no input or output themselves. All are driven in the same way:
//!
//! * `poll_prepare(now, entropy)` returns the next packet to send, the time to wait for, or the result;
//! * `handle_reply(now, sequence, octets)` takes the reply to a packet.
//!
//! The driver polls again after each reply, and at each time that a poll has returned. It may send packets and hand in
//! replies concurrently and in any order.

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
