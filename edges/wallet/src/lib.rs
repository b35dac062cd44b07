//! The built-in account-servicing entity: it funds its customers' payments, credits what they receive, and serves
//! rates.
//!
//! Its customers have pages: they sign up, hold money, send and receive it, and decide what applications may do. It uses
//! the instance only through the Admin API, webhooks, and the interaction API of the authorization server.

mod account_closing;
mod account_state;
mod accounts_here;
mod addresses;
mod agreement_accounts;
mod cards;
mod challenges;
mod compared;
mod consent;
mod contacts;
mod customers;
mod days;
pub mod door;
mod effect_error;
mod effects;
mod event;
mod fees;
mod fees_in_force;
mod foreign_payments;
mod grants;
mod held;
mod history;
mod holds;
pub mod http;
mod ids;
mod inbox;
mod keys;
mod leaving;
mod ledger_book;
mod letters;
mod missed;
mod modules;
mod noted;
mod obstacles;
mod operators;
mod own_limits;
mod pages;
mod payments_here;
mod reach;
mod reconciling;
mod requests;
mod round;
pub mod seed;
mod seed_file;
mod seeding;
mod sending;
mod sql;
mod store;
mod tenancy;
mod users;
mod wallet;
mod webauthn;

pub use cards::{CardVerification, NewCard};
pub use challenges::ChallengeSettings;
pub use consent::ConsentSettings;
pub use fees::{FeePolicy, FeeRule, charged};
pub use http_kit::{EventVerification, Unsigned};
pub use letters::Post;
pub use modules::{Module, ModuleLink, ModuleLinks, NoLedger, Runs};
pub use page_kit::{Accent, Cookies};
pub use pages::{OneClick, PageSettings};
pub use seed_file::SeedFileError;
pub use store::MIGRATIONS;
pub use tenancy::{Tenancy, TenancyError};
pub use users::{Lifetimes, Verification};
pub use wallet::{Ports, Wallet, WalletError, WalletSettings};
