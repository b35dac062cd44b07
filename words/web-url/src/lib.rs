//! URLs and hosts in a normal form, so that all spellings of one address are equal.
//!
//! It fetches nothing. The guard of the outgoing HTTP client decides whether an address may be called.

#![warn(missing_docs)]

mod invalid;
mod segment;
mod wallet_address;
mod web;

pub use invalid::{InvalidUrl, URL_LENGTH_MAX};
pub use wallet_address::WalletAddressUrl;
pub use web::WebUrl;
