//! The web console: pages for operators and tenants, rendered on the server.
//!
//! It is only a client of the Admin API. It stores its audit log, and
//! changes that wait for a second person.

mod approvals;
mod audit;
mod base_path;
mod columns;
mod console;
mod context;
mod files;
mod following;
mod four_eyes;
pub mod http;
mod pages;
mod posted;
mod provider;
mod reading;
mod render;
mod session;
mod subject;
mod view;
mod views;

pub use approvals::ApprovalsError;
pub use audit::AuditError;
pub use console::{Console, ConsoleError, ConsolePorts, ConsoleProofs, ConsoleSettings, OneClick};
pub use four_eyes::{FourEyes, Limit};
pub use page_kit::{Accent, Cookies};
pub use provider::{ProviderRole, ProviderSettings};
pub use session::Lifetimes;
