//! Which requests are accepted: signatures, replays, malformed and oversized requests.
//! Rights of signed callers are in `matrix`.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use ledger::{
    Account, AccountId, CreateAccountResult, CreateTransferResult, Ledger, LedgerFuture, LedgerUnavailable, NewAccount,
    NewTransfer, Transfer, TransferId,
};
use serde_json::{Value, json};
use testkit::{TestDatabase, block_on};

use super::bench::{Bench, OPERATOR, TENANT, request, send_to};

fn whoami() -> Value {
    json!({ "query": "{ whoami { id isOperator } }" })
}

fn with_bench(body: impl AsyncFnOnce(Bench)) {
    block_on(async { body(Bench::open(TestDatabase::sqlite().await).await).await });
}

#[test]
fn a_signed_request_is_answered_as_its_tenant() {
    with_bench(async |bench| {
        let (status, answer) = bench.post(TENANT, &whoami()).await;
        let expected = json!({ "data": { "whoami": { "id": TENANT, "isOperator": false } } });
        assert_eq!((status, answer), (StatusCode::OK, expected));
        assert_eq!(bench.post(OPERATOR, &whoami()).await.1["data"]["whoami"]["isOperator"], true);
    });
}

#[test]
fn what_is_not_signed_rightly_is_not_answered() {
    with_bench(async |bench| {
        let good = bench.sign(TENANT, &whoami());
        let other_body = json!({ "query": "{ whoami { id } }" });
        let unauthorized = (StatusCode::UNAUTHORIZED, "Unauthorized".to_owned());
        let bad = [
            request(TENANT, &bench.sign(OPERATOR, &whoami()), &whoami()),
            request(TENANT, &good, &other_body),
            request(TENANT, &good.to_uppercase(), &whoami()),
            request(TENANT, "", &whoami()),
            request(TENANT, "t=1", &whoami()),
            request(TENANT, &good.replace("v1", "v2"), &whoami()),
            request(TENANT, &good.replace("t=", "t=9"), &whoami()),
        ];
        for request in bad {
            assert_eq!(bench.send(request).await, unauthorized);
        }
        for missing in ["signature", "tenant-id"] {
            let mut request = request(TENANT, &good, &whoami());
            request.headers_mut().remove(missing);
            let (status, answer) = bench.send(request).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{missing}");
            assert!(answer.starts_with(&format!("Unauthorized: the header {missing} is missing")), "{answer}");
            for told in ["tenant-id:", "signature: t=", "docs/admin-api.md"] {
                assert!(answer.contains(told), "{told} is not told: {answer}");
            }
        }
        let mut nonsense = request(TENANT, &good, &whoami());
        nonsense.headers_mut().insert("tenant-id", "nobody".parse().unwrap());
        assert_eq!(bench.send(nonsense).await.0, StatusCode::UNAUTHORIZED);
        assert_eq!(bench.send(request(TENANT, &good, &whoami())).await.0, StatusCode::OK, "it was good all the time");
    });
}

#[test]
fn a_signature_is_good_once_and_for_its_time() {
    with_bench(async |bench| {
        let signature = bench.sign(TENANT, &whoami());
        assert_eq!(bench.send(request(TENANT, &signature, &whoami())).await.0, StatusCode::OK);
        assert_eq!(bench.send(request(TENANT, &signature, &whoami())).await.0, StatusCode::UNAUTHORIZED);
        let late = bench.sign(TENANT, &whoami());
        bench.clock.advance(Duration::from_secs(31));
        assert_eq!(bench.send(request(TENANT, &late, &whoami())).await.0, StatusCode::UNAUTHORIZED);
        assert_eq!(bench.send(request(TENANT, &signature, &whoami())).await.0, StatusCode::UNAUTHORIZED);
    });
}

#[test]
fn a_signature_that_was_used_is_refused_in_every_other_spelling() {
    with_bench(async |bench| {
        let good = bench.sign(TENANT, &whoami());
        assert_eq!(bench.send(request(TENANT, &good, &whoami())).await.0, StatusCode::OK);
        let (time, digest) = good.split_once(", v1=").unwrap();
        let millis = time.strip_prefix("t=").unwrap();
        for other in [
            format!("{good}, n=1"),
            format!("{time}, v1={}", digest.to_uppercase()),
            format!("{time},v1={digest}"),
            format!("{time},  v1={digest}"),
            format!("{time}, v01={digest}"),
            format!("t=+{millis}, v1={digest}"),
            format!("t=000{millis}, v1={digest}"),
        ] {
            let (status, _) = bench.send(request(TENANT, &other, &whoami())).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{other}");
        }
        let mut twice = request(TENANT, &good, &whoami());
        twice.headers_mut().append("signature", bench.sign(TENANT, &whoami()).parse().unwrap());
        assert_eq!(bench.send(twice).await.0, StatusCode::UNAUTHORIZED);
    });
}

#[test]
fn a_request_that_says_it_is_for_the_authorization_server_is_refused() {
    with_bench(async |bench| {
        for (audience, status) in [("auth", StatusCode::UNAUTHORIZED), ("backend", StatusCode::OK)] {
            let mut body = whoami();
            body["extensions"] = json!({"audience": audience});
            assert_eq!(bench.post(TENANT, &body).await.0, status, "{audience}");
        }
    });
}

testkit::on_each_database! {
    async fn two_processes_on_one_database_do_once_what_is_asked_for_once(database) {
        let bench = Bench::open(database).await;
        let other = bench.another_process().await;

        let signature = bench.sign(TENANT, &whoami());
        let (one, two) = tokio::join!(
            bench.send(request(TENANT, &signature, &whoami())),
            send_to(&other, request(TENANT, &signature, &whoami())),
        );
        let mut answers = [one.0.as_u16(), two.0.as_u16()];
        answers.sort_unstable();
        assert_eq!(answers, [200, 401], "one signed request is answered by one process");

        let document = "mutation($input: CreateAssetInput!) { createAsset(input: $input) { asset { id } } }";
        let create = |code: &str| json!({
            "query": document, "variables": {"input": {"code": code, "scale": 2, "idempotencyKey": "k"}},
        });
        let ask = async |body: Value| {
            let signature = bench.sign(TENANT, &body);
            send_to(&other, request(TENANT, &signature, &body)).await.1
        };
        let (_, first) = bench.post(TENANT, &create("USD")).await;
        let made = &first["data"]["createAsset"]["asset"]["id"];
        assert!(made.is_string(), "{first}");
        let second: Value = serde_json::from_str(&ask(create("USD")).await).unwrap();
        assert_eq!(&second["data"]["createAsset"]["asset"]["id"], made, "{second}");
        let third = ask(create("EUR")).await;
        assert!(third.contains("Incoming arguments are different than the original request"), "{third}");
    }
}

#[test]
fn a_malformed_request_says_what_is_wrong() {
    with_bench(async |bench| {
        let table = [
            (json!([]), "Operation batching disabled."),
            (json!({}), "POST body missing, invalid Content-Type, or JSON object has no keys."),
            (json!({ "query": 1 }), "GraphQL queries must be strings."),
            (
                json!({ "query": "{ whoami { id } }", "operationName": 1 }),
                "`operationName` in a POST body must be a string if provided.",
            ),
        ];
        for (body, message) in table {
            let (status, answer) = bench.post(TENANT, &body).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
            assert_eq!(answer["errors"][0]["message"], message);
            assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_REQUEST");
        }
        let text = Request::post("/graphql").body(Body::from("no json")).unwrap();
        assert_eq!(bench.send(text).await, (StatusCode::BAD_REQUEST, "Bad Request".to_owned()));
        let get = Request::get("/graphql?query={whoami{id}}").body(Body::empty()).unwrap();
        assert_eq!(bench.send(get).await.0, StatusCode::METHOD_NOT_ALLOWED);
        let elsewhere = Request::post("/").body(Body::empty()).unwrap();
        assert_eq!(bench.send(elsewhere).await.0, StatusCode::NOT_FOUND);
        let huge = Request::post("/graphql").body(Body::from(vec![b' '; 2 << 20])).unwrap();
        assert_eq!(bench.send(huge).await.0, StatusCode::PAYLOAD_TOO_LARGE);
        let health = Request::get("/healthz").body(Body::empty()).unwrap();
        assert_eq!(bench.send(health).await, (StatusCode::OK, "OK".to_owned()));
    });
}

#[test]
fn an_invalid_document_is_refused_without_giving_the_schema_away() {
    with_bench(async |bench| {
        let ask = async |query: &str| bench.post(TENANT, &json!({ "query": query })).await;
        let (status, answer) = ask("{ whoami { idd } }").await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(answer["errors"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
        assert!(!answer.to_string().contains("isOperator"), "{answer}");
        let deep = format!("{}{}", "{ whoami ".repeat(12), "}".repeat(12));
        let (status, answer) = ask(&deep).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(answer["errors"][0]["message"], "Syntax Error: Query depth limit of 10 exceeded, found 12.");
        assert_eq!(ask("{ whoami { id }").await.0, StatusCode::BAD_REQUEST);
    });
}

#[test]
fn faults_of_a_document_are_reported_in_the_words_of_the_original() {
    with_bench(async |bench| {
        let two = "query A { whoami { id } } query B { whoami { id } }";
        let (validation, operation, input) =
            ("GRAPHQL_VALIDATION_FAILED", "OPERATION_RESOLUTION_FAILURE", "BAD_USER_INPUT");
        let asset = "mutation($input: CreateAssetInput!) { createAsset(input: $input) { asset { id } } }";
        let asked = [
            (
                json!({ "query": "{ whoami { idd } }" }),
                "Cannot query field \"idd\" on type \"WhoamiResponse\". [Suggestion hidden]?",
                validation,
            ),
            (json!({ "query": "{ zzzzz }" }), "Cannot query field \"zzzzz\" on type \"Query\".", validation),
            (
                json!({ "query": "{ asset(id: \"x\", idd: 1) { id } }" }),
                "Unknown argument \"idd\" on field \"Query.asset\". [Suggestion hidden]?",
                validation,
            ),
            (
                json!({ "query": "{ assets(sortOrder: ASCC) { edges { cursor } } }" }),
                "Value \"ASCC\" does not exist in \"SortOrder\" enum. Did you mean the enum value \"ASC\"?",
                validation,
            ),
            (
                json!({ "query": "query($a: Strin) { whoami { id } }" }),
                "Unknown type \"Strin\". [Suggestion hidden]?",
                validation,
            ),
            (
                json!({ "query": "{ asset(id: \"x\") { ... on Model { quantity } } }" }),
                "Cannot query field \"quantity\" on type \"Model\".",
                validation,
            ),
            (
                json!({ "query": "{ asset(id: \"x\") { ... on Model { scale } } }" }),
                "Cannot query field \"scale\" on type \"Model\". Did you mean to use an inline fragment on \
                 \"Asset\"?",
                validation,
            ),
            (json!({ "query": two }), "Must provide operation name if query contains multiple operations.", operation),
            (json!({ "query": two, "operationName": "Z" }), "Unknown operation named \"Z\".", operation),
            (
                json!({ "query": "query($id: String!) { asset(id: $id) { id } }" }),
                "Variable \"$id\" of required type \"String!\" was not provided.",
                input,
            ),
            (
                json!({ "query": asset, "variables": { "input": { "code": "USD", "scale": 300 } } }),
                "Variable \"$input\" got invalid value 300 at \"input.scale\"; Expected type \"UInt8\". Provided value \
                 is not a UInt8.",
                input,
            ),
            (
                json!({ "query": asset, "variables": { "input": { "code": "USD", "scale": 2, "x": 1 } } }),
                "Variable \"$input\" got invalid value { code: \"USD\", scale: 2, x: 1 }; Field \"x\" is not defined by \
                 type \"CreateAssetInput\".",
                input,
            ),
        ];
        for (body, message, code) in asked {
            let (status, answer) = bench.post(TENANT, &body).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
            let error = &answer["errors"][0];
            assert_eq!((&error["message"], &error["extensions"]["code"]), (&json!(message), &json!(code)));
            assert_eq!(error.get("path"), None, "{answer}");
            assert_eq!(error.get("locations").is_none(), code == operation, "{answer}");
        }
    });
}

#[test]
fn an_unknown_persisted_query_must_be_sent_in_full() {
    with_bench(async |bench| {
        let hash = "e63c4dae69ca5d7c8b05f03b3d9e5d0b2e6dd8a3c7a3bb1e9d5e3b3f2a9c8d71";
        let by_hash =
            |version: u8| json!({ "extensions": { "persistedQuery": { "version": version, "sha256Hash": hash } } });
        let (status, answer) = bench.post(TENANT, &by_hash(1)).await;
        assert_eq!(status, StatusCode::OK);
        let error =
            json!({ "message": "PersistedQueryNotFound", "extensions": { "code": "PERSISTED_QUERY_NOT_FOUND" } });
        assert_eq!(answer, json!({ "errors": [error] }));
        let (status, answer) = bench.post(TENANT, &by_hash(2)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(answer["errors"][0]["message"], "Unsupported persisted query version");

        let mut full = by_hash(1);
        full["query"] = json!("{ whoami { id } }");
        let (status, answer) = bench.post(TENANT, &full).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(answer["errors"][0]["message"], "provided sha does not match query");
        full["extensions"]["persistedQuery"]["sha256Hash"] =
            json!("3a589828200d95db09c0478f230f77b46e9e9a8a2ceb19ad029551392602755d");
        let (status, answer) = bench.post(TENANT, &full).await;
        assert_eq!((status, &answer["data"]["whoami"]["id"]), (StatusCode::OK, &json!(TENANT)), "{answer}");
    });
}

#[test]
fn a_bad_scalar_is_bad_input() {
    with_bench(async |bench| {
        let query = "mutation($input: CreateAssetInput!) { createAsset(input: $input) { asset { id } } }";
        for scale in [json!(-1), json!(256), json!("x"), json!({})] {
            let variables = json!({ "input": { "code": "USD", "scale": scale } });
            let (_, answer) = bench.post(TENANT, &json!({ "query": query, "variables": variables })).await;
            assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{answer}");
        }
    });
}

/// A ledger that does not answer, like a cluster that is down.
struct Away;

fn away<'a, T>() -> LedgerFuture<'a, T> {
    Box::pin(async { Err(LedgerUnavailable { reason: "it is away".to_owned() }) })
}

impl Ledger for Away {
    fn create_accounts(&self, _: Vec<NewAccount>) -> LedgerFuture<'_, Vec<CreateAccountResult>> {
        away()
    }

    fn submit(&self, _: Vec<NewTransfer>) -> LedgerFuture<'_, Vec<CreateTransferResult>> {
        away()
    }

    fn accounts(&self, _: Vec<AccountId>) -> LedgerFuture<'_, Vec<Option<Account>>> {
        away()
    }

    fn transfers(&self, _: Vec<TransferId>) -> LedgerFuture<'_, Vec<Option<Transfer>>> {
        away()
    }

    fn transfers_of(&self, _: AccountId, _: usize) -> LedgerFuture<'_, Vec<Transfer>> {
        away()
    }
}

#[test]
fn a_backend_whose_ledger_is_away_is_not_healthy() {
    block_on(async {
        let database = TestDatabase::sqlite().await;
        let bench = Bench::open_on(database, testkit::manual_clock(), Arc::new(Away)).await;
        let health = Request::get("/healthz").body(Body::empty()).unwrap();
        assert_eq!(bench.send(health).await.0, StatusCode::INTERNAL_SERVER_ERROR);
    });
}
