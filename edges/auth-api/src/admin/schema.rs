//! The schema of `auth.graphql` put together, with its limits.
//!
//! Its types are in `types.rs`, its queries and mutations in `grants.rs`.

use async_graphql::{EmptySubscription, Schema};

use super::Introspection;
use super::grants::{Mutation, Query};
use super::types::Model;

pub(crate) type AdminSchema = Schema<Query, Mutation, EmptySubscription>;

/// The schema with its limits (admin-graphql section 2).
pub(crate) fn build(introspection: Introspection) -> AdminSchema {
    let schema = Schema::build(Query, Mutation, EmptySubscription)
        .register_output_type::<Model>()
        .limit_depth(10)
        .limit_complexity(5000)
        .limit_directives(50)
        .disable_suggestions();
    match introspection {
        Introspection::Allowed => schema.finish(),
        Introspection::Refused => schema.disable_introspection().finish(),
    }
}
