//! The built-in account-servicing entity: it funds its customers' payments, credits what they receive, and serves
//! rates.
//!
//! It has no pages for customers yet. It uses the instance only through the Admin API and webhooks.

mod addresses;
mod cards;
mod effect_error;
mod effects;
mod event;
mod fees;
pub mod http;
mod ids;
mod inbox;
mod ledger_book;
pub mod seed;
mod seed_file;
mod seeding;
mod store;
mod wallet;

pub use cards::{CardVerification, NewCard};
pub use fees::{FeePolicy, FeeRule, charged};
pub use http_kit::{EventVerification, Unsigned};
pub use seed_file::SeedFileError;
pub use store::MIGRATIONS;
pub use wallet::{Ports, Wallet, WalletError, WalletSettings};
