//! The customers' pages: what they show and what their forms do. Everything works without scripts.
//!
//! What a customer may reach is decided in `customers`.

mod account;
mod account_state;
mod agreements;
mod cards;
mod challenges;
mod consent;
mod contacts;
mod context;
mod doors;
mod exchange;
mod export;
mod files;
mod filter;
mod forgot;
mod frame;
mod front;
mod handlers;
mod history;
mod home;
mod keys;
mod leave;
mod limit_fields;
mod monetization;
mod operator;
mod own_use;
mod passkey_forms;
mod passkeys;
mod reach;
mod requests;
mod routes;
mod security;
mod send;
mod settings;

pub(crate) use context::PageCore;
pub use context::{OneClick, PageSettings};
pub(crate) use files::version;
pub(crate) use routes::{behind_the_front, router};
