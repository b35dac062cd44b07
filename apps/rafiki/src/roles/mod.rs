//! The roles this binary can take, each put together from its configuration section.
//!
//! `dev` uses the same functions with sections that it makes itself.

pub(crate) mod auth;
pub(crate) mod backend;
pub(crate) mod cache;
pub(crate) mod card_service;
mod certificate_files;
pub(crate) mod console;
pub(crate) mod identities;
pub(crate) mod listening;
pub(crate) mod point_of_sale;
pub(crate) mod rates;
mod ready;
pub(crate) mod running;
mod service_secret;
pub(crate) mod shared_deps;
pub(crate) mod shop;
mod signatures;
pub(crate) mod waiting;
pub(crate) mod wallet;
mod wallet_modules;

pub(crate) use auth::run as run_auth;
pub(crate) use backend::{open_ledger, run as run_backend};
pub(crate) use card_service::run as run_card_service;
pub(crate) use console::run as run_console;
pub(crate) use point_of_sale::run as run_point_of_sale;
pub(crate) use rates::run as run_rates;
pub(crate) use shop::run as run_shop;
pub(crate) use wallet::run as run_wallet;
