//! The schema, assembled.
//! Its parts are in `queries`, `mutations` and `types`.

use async_graphql::{EmptySubscription, Schema, SchemaBuilder};

use crate::AdminApiParts;
use crate::mutations::Mutation;
use crate::queries::Query;
use crate::types::interfaces::{BasePayment, Model};

pub(crate) type AdminSchema = Schema<Query, Mutation, EmptySubscription>;

pub(crate) fn schema(parts: &AdminApiParts) -> AdminSchema {
    builder().data(parts.clone()).finish()
}

fn builder() -> SchemaBuilder<Query, Mutation, EmptySubscription> {
    Schema::build(Query::default(), Mutation::default(), EmptySubscription)
        .register_output_type::<Model>()
        .register_output_type::<BasePayment>()
}

/// The schema in its definition language, for comparison with the published one.
pub fn sdl() -> String {
    builder().finish().sdl()
}
