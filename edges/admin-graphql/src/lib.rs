//! The operator GraphQL API.
//!
//! Authenticates, parses, calls one service, renders. It has no SQL and no rules: they are on lower floors.

#![expect(clippy::unused_async, reason = "resolvers are asynchronous by their derive, whether they wait or not")]

mod api;
mod authenticate;
mod errors;
mod explorer;
mod http;
mod idempotency;
mod mutations;
mod queries;
mod scalars;
mod schema;
mod texts;
mod types;

pub use api::{AdminApiParts, AdminApiSettings, Explorer};
pub use http::router;
pub use schema::sdl;
