//! ILPv4 packets, addresses and ILDCP over OER (RFC 22, RFC 27, RFC 30, RFC 31).
//!
//! It converts octets to values and back. It opens no sockets, reads no clock, and makes no decisions about money.
//!
//! A [`Prepare`], [`Fulfill`] or [`Reject`] borrows the octets it was parsed from and encodes itself into new ones.
//! A packet to be forwarded is held as [`PrepareBuf`], which changes amount and expiry in place and nothing else.

#![warn(missing_docs)]

mod address;
mod amount_too_large;
mod condition;
mod envelope;
mod error_code;
mod expiry;
mod fulfill;
pub mod ildcp;
pub mod oer;
mod packet;
mod prepare;
mod reject;

pub use address::{Address, AddressPrefix, AddressRef, InvalidAddress, MAX_ADDRESS_LENGTH};
pub use amount_too_large::AmountTooLarge;
pub use condition::{Condition, Fulfillment};
pub use envelope::{PacketType, ParseError};
pub use error_code::{ErrorClass, ErrorCode, InvalidErrorCode};
pub use expiry::InvalidExpiry;
pub use fulfill::Fulfill;
pub use packet::{Packet, Reply};
pub use prepare::{Prepare, PrepareBuf};
pub use reject::Reject;
