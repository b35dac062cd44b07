//! The schema, compared with the published one, and as tools ask for it.

use serde_json::{Value, json};
use testkit::{TestDatabase, block_on};

use super::bench::{Bench, OPERATOR};

/// The one operation of the published schema that is not here yet.
const NOT_YET: &str = "Mutation.createOrUpdatePeerByUrl";

/// That operation in the published text, and the types only it needs.
const LATER: [(&str, &str); 3] = [
    ("  \"\"\"Makes or changes a peer by asking its auto-peering server.\"\"\"\n", "MutationResponse!\n"),
    ("type CreateOrUpdatePeerByUrlMutationResponse ", "}\n"),
    ("input CreateOrUpdatePeerByUrlInput ", "}\n"),
];

fn published() -> String {
    let mut text = include_str!("../../../../adapters/admin-client/schema/backend.graphql").to_owned();
    if admin_graphql::sdl().contains(NOT_YET.trim_start_matches("Mutation.")) {
        return text;
    }
    for (start, end) in LATER {
        let from = text.find(start).unwrap();
        let to = from + text[from..].find(end).unwrap() + end.len();
        text.replace_range(from..to, "");
    }
    text
}

#[test]
fn the_schema_is_the_published_one() {
    published_schema::assert_same(&published(), &admin_graphql::sdl());
}

#[test]
fn tools_that_ask_for_the_schema_get_all_of_it() {
    block_on(async {
        let bench = Bench::open(TestDatabase::sqlite().await).await;
        let query = include_str!("../../../../proof/published-schema/stock_introspection.graphql");
        let answer = bench.run(OPERATOR, query, json!({})).await;
        let types = answer["data"]["__schema"]["types"].as_array().unwrap();
        let named = |name: &str| types.iter().find(|one| one["name"] == name).unwrap();
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
