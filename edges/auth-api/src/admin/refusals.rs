//! Refusals of the Admin API as GraphQL errors with a code.
//!
//! What is refused is decided by the resolvers.

use async_graphql::{Error, ErrorExtensions};
use auth::StoreError;

pub(super) fn refuse(message: impl Into<String>, code: &'static str) -> Error {
    Error::new(message).extend_with(|_, extensions| extensions.set("code", code))
}

/// The caller is told nothing about a failure of the database.
pub(super) fn failed(error: &StoreError) -> Error {
    tracing::error!(%error, "the database failed");
    refuse("Internal server error", "INTERNAL_SERVER_ERROR")
}
