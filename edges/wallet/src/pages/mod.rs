//! The customers' pages: what they show and what their forms do. Everything works without scripts.
//!
//! What a customer may reach is decided in `customers`.

mod account;
mod agreements;
mod consent;
mod context;
mod doors;
mod files;
mod frame;
mod history;
mod home;
mod routes;
mod send;
mod settings;

pub(crate) use context::PageCore;
pub use context::{OneClick, PageSettings};
pub(crate) use files::version;
pub(crate) use routes::router;
