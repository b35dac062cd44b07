//! The schema, assembled.

use async_graphql::{EmptySubscription, Schema};

use crate::AdminApiParts;
use crate::mutations::Mutation;
use crate::queries::Query;

pub(crate) type AdminSchema = Schema<Query, Mutation, EmptySubscription>;

pub(crate) fn schema(parts: &AdminApiParts) -> AdminSchema {
    Schema::build(Query::default(), Mutation::default(), EmptySubscription).data(parts.clone()).finish()
}

/// The schema in its definition language, for comparison with the published one.
pub fn sdl() -> String {
    Schema::build(Query::default(), Mutation::default(), EmptySubscription).finish().sdl()
}
