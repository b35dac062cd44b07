//! Use cases of wallet addresses, quotes, payments, liquidity and peers.
//!
//! No HTTP, GraphQL or SQL: edges call these, stores and the ledger do what they decide.

pub mod administration;
mod unavailable;

pub use unavailable::Unavailable;
