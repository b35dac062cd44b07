//! The web console: pages for operators and tenants, rendered on the server.
//!
//! It is only a client of the Admin API. It stores its audit log, and
//! changes that wait for a second person.

mod approvals;
mod audit;
mod console;
mod context;
mod files;
mod following;
mod form_token;
mod four_eyes;
pub mod http;
mod numbers;
mod pages;
mod posted;
mod provider;
mod qr;
mod render;
mod seal;
mod session;
mod subject;
mod view;
mod views;
mod words;

pub use approvals::ApprovalsError;
pub use audit::AuditError;
pub use console::{Accent, Console, ConsoleError, ConsolePorts, ConsoleProofs, ConsoleSettings, Cookies, OneClick};
pub use four_eyes::{FourEyes, Limit};
pub use provider::{ProviderRole, ProviderSettings};
pub use session::Lifetimes;
