//! URLs and hosts in their one normal form, so that all spellings of one address are equal.
//!
//! Nothing is fetched here; whether an address may be called is decided by the guard of the outgoing HTTP client.

#![warn(missing_docs)]

mod invalid;
mod segment;
mod wallet_address;
mod web;

pub use invalid::{InvalidUrl, URL_LENGTH_MAX};
pub use wallet_address::WalletAddressUrl;
pub use web::WebUrl;
