//! The schema of `auth.graphql` put together.
//!
//! Its types are in `types.rs`, its queries and mutations in `grants.rs`; its limits are those of every schema.

use async_graphql::{EmptySubscription, Schema, SchemaBuilder};
use auth::Auth;

use super::grants::{Mutation, Query};
use super::types::Model;

pub(crate) type AdminSchema = Schema<Query, Mutation, EmptySubscription>;

/// The schema over `auth`.
pub(crate) fn build(auth: Auth) -> AdminSchema {
    builder().data(auth).finish()
}

pub(super) fn builder() -> SchemaBuilder<Query, Mutation, EmptySubscription> {
    Schema::build(Query, Mutation, EmptySubscription).register_output_type::<Model>()
}
