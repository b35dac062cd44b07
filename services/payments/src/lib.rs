//! Use cases of wallet addresses, quotes, payments, liquidity and peers.
//!
//! Not yet written.
