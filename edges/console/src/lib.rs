//! The web console: pages for operators and tenants, rendered on the server.
//!
//! It is only a client of the Admin API. The only data that it stores is its audit log.

mod audit;
mod console;
mod context;
mod files;
mod following;
mod form_token;
pub mod http;
mod numbers;
mod pages;
mod posted;
mod qr;
mod render;
mod seal;
mod session;
mod subject;
mod view;
mod views;
mod words;

pub use audit::AuditError;
pub use console::{Accent, Console, ConsolePorts, ConsoleSettings, Cookies, OneClick};
pub use session::Lifetimes;
