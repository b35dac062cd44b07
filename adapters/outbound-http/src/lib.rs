//! The one HTTP client of the house: pooled connections, a deadline and a size limit on every call, signed requests,
//! and an address guard for URLs that strangers chose.
//!
//! No retries, and no meaning of an answer: those belong to the callers, which know the protocol.

mod address;
mod client;
mod config;
mod error;
mod request;
mod resolver;

pub use address::is_public;
pub use client::Outbound;
pub use config::{OutboundConfig, Scheme, Strangers};
pub use error::{BuildError, OutboundError};
pub use request::{BeyondLimit, Destination, Request, Response};
