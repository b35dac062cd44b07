//! The schema, compared with the published one and the listed additions, and with the introspection query of tools.
//! What the fields answer is in the files beside it.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::{TestDatabase, block_on};

use super::bench::{Bench, OPERATOR};

/// The published schema and the additions of this one.
fn published() -> String {
    [include_str!("../../../../adapters/admin-client/schema/backend.graphql"), include_str!("../../additions.graphql")]
        .join("\n")
}

#[test]
fn the_schema_is_the_published_one_with_the_listed_additions() {
    published_schema::assert_same(&published(), &admin_graphql::sdl());
}

#[test]
fn clients_of_the_last_release_can_use_the_schema() {
    let released = include_str!("../../../../proof/published-schema/released/0.1.0/backend.graphql");
    published_schema::assert_compatible(released, &admin_graphql::sdl());
}

#[test]
fn tools_that_ask_for_the_schema_get_all_of_it() {
    block_on(async {
        let bench = Bench::open(TestDatabase::sqlite().await).await;
        let query = include_str!("../../../../proof/published-schema/stock_introspection.graphql");
        let answer = bench.run(OPERATOR, query, json!({})).await;
        let types = answer["data"]["__schema"]["types"].as_array().unwrap();
        let named = |name: &str| types.iter().find(|one| one["name"] == name).unwrap();
        let listed: BTreeSet<&str> = types.iter().map(|one| one["name"].as_str().unwrap()).collect();
        let missing: Vec<_> =
            published_schema::types_of(&published()).into_iter().filter(|name| !listed.contains(&**name)).collect();
        assert_eq!(missing, [""; 0], "a type that no field has is listed, too");
        let queries = named("Query")["fields"].as_array().unwrap();
        assert!(queries.iter().all(|field| !field["name"].as_str().unwrap().starts_with("__")));
        let mutations = named("Mutation")["fields"].as_array().unwrap();
        let old = mutations.iter().find(|field| field["name"] == "depositEventLiquidity").unwrap();
        assert_eq!(
            (&old["isDeprecated"], &old["deprecationReason"]),
            (&json!(true), &json!("Use `depositOutgoingPaymentLiquidity`"))
        );
        let where_specified: &Value = &named("JSONObject")["specifiedByURL"];
        assert!(where_specified.as_str().unwrap().ends_with("ECMA-404.pdf"), "{where_specified}");
    });
}
