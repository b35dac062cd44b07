//! The operator GraphQL API.
//!
//! Authenticates, parses, calls one service, renders. It has no SQL and no rules: they are on lower floors.

#![expect(clippy::unused_async, reason = "the derive makes every resolver asynchronous")]

mod api;
mod authenticate;
pub mod described;
mod errors;
mod explorer;
mod field_change;
mod http;
mod idempotency;
mod mutations;
mod queries;
mod rights;
mod scalars;
mod schema;
mod texts;
mod types;

pub use api::{AdminApiParts, AdminApiSettings, Explorer};
pub use http::router;
pub use schema::sdl;
