//! Every text argument of every operation, found through the schema and filled with hostile texts.
//!
//! The answer is always a result or a refusal with a reason, and both databases give the same. What was stored can be
//! read again.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use payments_model::TenantId;
use serde_json::{Map, Value, json};
use testkit::on_each_database;

use super::bench::{Bench, OPERATOR, request};

const SCHEMA: &str = "{ __schema { queryType { fields { ...F } } mutationType { fields { ...F } }
    types { kind name inputFields { name type { ...T } } enumValues { name } } } }
    fragment F on __Field { name args { name type { ...T } } type { ...T } }
    fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

const BIDI: &str = "\u{202e}\u{2066}txt.exe\u{2069}\u{200f}";

/// A field of `Query` or `Mutation` with its arguments and their known types.
struct Operation {
    kind: &'static str,
    name: String,
    arguments: Vec<(String, Type)>,
    selects: bool,
}

/// A type as the schema describes it.
#[derive(Clone, Debug)]
struct Type {
    /// In the notation of the schema: `[String!]!`.
    written: String,
    shape: Shape,
}

#[derive(Clone, Debug)]
enum Shape {
    Text,
    Json,
    Number,
    Boolean,
    Enum(String),
    List(Box<Shape>),
    Input(String),
}

struct Schema {
    inputs: BTreeMap<String, Vec<(String, Type)>>,
    operations: Vec<Operation>,
}

impl Schema {
    async fn ask(bench: &Bench) -> Self {
        let answer = bench.run(OPERATOR, SCHEMA, json!({})).await;
        let schema = &answer["data"]["__schema"];
        let mut enums = BTreeMap::new();
        for kind in schema["types"].as_array().unwrap() {
            if let Some(values) = kind["enumValues"].as_array() {
                enums.insert(text(&kind["name"]), text(&values[0]["name"]));
            }
        }
        let mut inputs = BTreeMap::new();
        for kind in schema["types"].as_array().unwrap() {
            if let Some(fields) = kind["inputFields"].as_array() {
                inputs.insert(text(&kind["name"]), named(fields, &enums));
            }
        }
        let mut operations = Vec::new();
        for (kind, root) in [("query", "queryType"), ("mutation", "mutationType")] {
            for field in schema[root]["fields"].as_array().unwrap() {
                operations.push(Operation {
                    kind,
                    name: text(&field["name"]),
                    arguments: named(field["args"].as_array().unwrap(), &enums),
                    selects: !matches!(innermost(&field["type"])["kind"].as_str(), Some("SCALAR" | "ENUM")),
                });
            }
        }
        Self { inputs, operations }
    }

    /// A well-formed value of the type that fits its name. `texts` collects the places of texts.
    fn fill(&self, filler: &Filler, name: &str, shape: &Shape, path: &[String], texts: &mut Vec<Place>) -> Value {
        match shape {
            Shape::Text => {
                texts.push(Place { path: path.to_vec(), is_json: false });
                filler.text(name).into()
            }
            Shape::Json => {
                texts.push(Place { path: path.to_vec(), is_json: true });
                json!({ "note": "n" })
            }
            Shape::Number => json!(1),
            Shape::Boolean => json!(false),
            Shape::Enum(first) => json!(first),
            Shape::List(item) => {
                let path = [path, &["0".to_owned()]].concat();
                json!([self.fill(filler, name, item, &path, texts)])
            }
            Shape::Input(input) => {
                let mut members = Map::new();
                for (member, kind) in &self.inputs[input] {
                    let path = [path, std::slice::from_ref(member)].concat();
                    members.insert(member.clone(), self.fill(filler, member, &kind.shape, &path, texts));
                }
                // Only one of them may be given.
                if members.contains_key("debitAmount") && members.contains_key("receiveAmount") {
                    members.remove("receiveAmount");
                    texts.retain(|place| !place.path.iter().any(|name| name == "receiveAmount"));
                }
                members.into()
            }
        }
    }
}

/// The place of a text in the variables.
#[derive(Clone, Debug)]
struct Place {
    path: Vec<String>,
    is_json: bool,
}

/// Usual values of arguments with these names.
struct Filler(BTreeMap<&'static str, String>);

impl Filler {
    fn text(&self, name: &str) -> String {
        self.0.get(name).cloned().unwrap_or_else(|| "00000000-0000-4000-8000-000000000009".to_owned())
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn innermost(kind: &Value) -> &Value {
    if kind["ofType"].is_object() { innermost(&kind["ofType"]) } else { kind }
}

fn named(list: &[Value], enums: &BTreeMap<String, String>) -> Vec<(String, Type)> {
    list.iter().map(|one| (text(&one["name"]), read_type(&one["type"], enums))).collect()
}

fn read_type(kind: &Value, enums: &BTreeMap<String, String>) -> Type {
    let of = || read_type(&kind["ofType"], enums);
    match kind["kind"].as_str().unwrap() {
        "NON_NULL" => Type { written: format!("{}!", of().written), shape: of().shape },
        "LIST" => Type { written: format!("[{}]", of().written), shape: Shape::List(Box::new(of().shape)) },
        "INPUT_OBJECT" => Type { written: text(&kind["name"]), shape: Shape::Input(text(&kind["name"])) },
        "ENUM" => {
            Type { written: text(&kind["name"]), shape: Shape::Enum(enums[kind["name"].as_str().unwrap()].clone()) }
        }
        _ => {
            let written = text(&kind["name"]);
            let shape = match written.as_str() {
                "JSONObject" => Shape::Json,
                "Int" | "UInt8" | "UInt64" | "Float" => Shape::Number,
                "Boolean" => Shape::Boolean,
                _ => Shape::Text,
            };
            Type { written, shape }
        }
    }
}

/// A bank with some data, and the ids that arguments can name.
async fn furnished(bench: &Bench) -> Filler {
    let create_asset = "createAsset: CreateAssetInput { asset { id } }";
    let asset = bench.mutate(OPERATOR, create_asset, json!({ "code": "USD", "scale": 2 })).await;
    let asset = text(&asset["asset"]["id"]);
    let create_address = "createWalletAddress: CreateWalletAddressInput { walletAddress { id } }";
    let address = json!({ "assetId": asset, "address": "ann" });
    let address = text(&bench.mutate(OPERATOR, create_address, address).await["walletAddress"]["id"]);
    let create_payment = "createIncomingPayment: CreateIncomingPaymentInput { payment { id } }";
    let payment = bench.mutate(OPERATOR, create_payment, json!({ "walletAddressId": address })).await;
    let payment = text(&payment["payment"]["id"]);
    Filler(BTreeMap::from([
        ("assetId", asset),
        ("walletAddressId", address),
        ("incomingPaymentId", payment.clone()),
        ("incomingPayment", format!("https://bank.example/{OPERATOR}/incoming-payments/{payment}")),
        ("receiver", format!("https://bank.example/{OPERATOR}/incoming-payments/{payment}")),
        ("incomingPaymentUrl", format!("https://bank.example/{OPERATOR}/incoming-payments/{payment}")),
        ("walletAddressUrl", "https://bank.example/ann".to_owned()),
        ("url", "https://bank.example/ann".to_owned()),
        ("address", "bob".to_owned()),
        ("code", "EUR".to_owned()),
        ("assetCode", "USD".to_owned()),
        ("staticIlpAddress", "test.peer".to_owned()),
        ("routes", "test.route".to_owned()),
        ("endpoint", "http://peer.example".to_owned()),
        ("kid", "key-1".to_owned()),
        ("x", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".to_owned()),
        ("expiresAt", "2026-01-02T00:00:00Z".to_owned()),
        ("tenantId", OPERATOR.to_string()),
        ("publicName", "Ann".to_owned()),
    ]))
}

/// What replaces a good text, and whether an answer other than a refusal is allowed.
fn poisons(place: &Place) -> Vec<(Value, MustRefuse)> {
    use MustRefuse::{No, Yes};
    if place.is_json {
        let nested = |levels: usize| (0..levels).fold(json!({}), |inner, _| json!({ "a": inner }));
        return vec![
            (json!({ "a": "\0" }), Yes),
            (json!({ "\0": 1 }), Yes),
            (nested(100), Yes),
            (nested(20), No),
            (json!({ "list": vec![0; 5000] }), Yes),
            (json!({ "note": BIDI, BIDI: "\u{1f600}\u{7f}\n" }), No),
            (
                json!({ "a": "x".repeat(16_000), "b": "x".repeat(16_000), "c": "x".repeat(16_000), "d": "x".repeat(16_000), "e": "x".repeat(16_000) }),
                Yes,
            ),
        ];
    }
    vec![
        (json!("\0"), Yes),
        (json!("a\0b"), Yes),
        (json!("x".repeat(20_000)), Yes),
        (json!("x".repeat(3_000)), No),
        (json!("č".repeat(250)), No),
        (json!(BIDI), No),
        (json!("\u{fffd}\u{1f600}\u{ffff}"), No),
        (json!("%00' OR 1=1; -- ${x} <b>"), No),
        (json!(""), No),
    ]
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum MustRefuse {
    Yes,
    No,
}

fn put(variables: &mut Value, place: &Place, poison: Value) {
    let pointer: String = place.path.iter().map(|name| format!("/{name}")).collect::<Vec<_>>().concat();
    *variables.pointer_mut(&pointer).unwrap() = poison;
}

fn document(operation: &Operation) -> String {
    let declared: Vec<_> =
        operation.arguments.iter().map(|(name, kind)| format!("${name}: {}", kind.written)).collect();
    let given: Vec<_> = operation.arguments.iter().map(|(name, _)| format!("{name}: ${name}")).collect();
    let parens = |list: &[String]| if list.is_empty() { String::new() } else { format!("({})", list.join(", ")) };
    let selection = if operation.selects { " { __typename }" } else { "" };
    let Operation { kind, name, .. } = operation;
    format!("{kind}{} {{ {name}{}{selection} }}", parens(&declared), parens(&given))
}

/// The same with the values written into the document.
fn literal_document(operation: &Operation, variables: &Value) -> String {
    let given: Vec<_> = operation
        .arguments
        .iter()
        .map(|(name, kind)| format!("{name}: {}", literal(&variables[name], &kind.shape)))
        .collect();
    let selection = if operation.selects { " { __typename }" } else { "" };
    format!("{} {{ {}({}){selection} }}", operation.kind, operation.name, given.join(", "))
}

fn literal(value: &Value, shape: &Shape) -> String {
    match (value, shape) {
        (Value::String(name), Shape::Enum(_)) => name.clone(),
        (Value::Array(items), Shape::List(item)) => {
            format!("[{}]", items.iter().map(|value| literal(value, item)).collect::<Vec<_>>().join(", "))
        }
        (Value::Object(members), _) => {
            let members = members.iter().map(|(name, value)| format!("{name}: {}", literal(value, &Shape::Text)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        (value, _) => value.to_string(),
    }
}

/// Checks that the answer is not an internal error. Returns whether it is a refusal.
fn is_refused(what: &str, status: StatusCode, answer: &Value) -> bool {
    assert!(status.as_u16() < 500, "{what}: {status} {answer}");
    let errors = answer["errors"].as_array().cloned().unwrap_or_default();
    for error in &errors {
        let message = error["message"].as_str().unwrap_or_default();
        assert_ne!(message, "Internal server error", "{what}: {answer}");
    }
    !errors.is_empty()
}

async fn ask(bench: &Bench, tenant: TenantId, query: &str, variables: &Value) -> (StatusCode, Value) {
    bench.post(tenant, &json!({ "query": query, "variables": variables })).await
}

/// Sends `body` unchanged. Its signature does not matter: such a body is refused before the signature is checked.
async fn send_raw(bench: &Bench, body: String) -> StatusCode {
    let mut raw: Request<Body> = request(OPERATOR, "t=1, v1=00", &Value::Null);
    *raw.body_mut() = Body::from(body);
    bench.send(raw).await.0
}

on_each_database! {
    async fn no_text_of_any_argument_is_a_fault_of_ours(database) {
        let bench = Bench::open(database).await;
        let filler = furnished(&bench).await;
        let schema = Schema::ask(&bench).await;
        let mut asked = 0;
        for operation in &schema.operations {
            let mut texts = Vec::new();
            let mut variables = Map::new();
            for (name, kind) in &operation.arguments {
                let value = schema.fill(&filler, name, &kind.shape, std::slice::from_ref(name), &mut texts);
                variables.insert(name.clone(), value);
            }
            let variables = Value::Object(variables);
            let query = document(operation);
            for (count, place) in texts.iter().enumerate() {
                for (poison, must_refuse) in poisons(place) {
                    let mut poisoned = variables.clone();
                    fresh_key(&mut poisoned, asked);
                    put(&mut poisoned, place, poison);
                    let what = format!("{} {:?} {}", operation.name, place.path, short(&poisoned));
                    let (status, answer) = ask(&bench, OPERATOR, &query, &poisoned).await;
                    let refused = is_refused(&what, status, &answer);
                    assert!(refused || must_refuse == MustRefuse::No, "{what}: {answer}");
                    asked += 1;
                }

                // The same inside the document itself, and half of a surrogate pair in both.
                let mut marked = variables.clone();
                put(&mut marked, place, if place.is_json { json!({ "a": "MARK" }) } else { json!("MARK") });
                let in_document = literal_document(operation, &marked);
                for escape in ["\\u0000", "\\ud800", "\\ud83d\\ude00"] {
                    let (status, answer) = ask(&bench, OPERATOR, &in_document.replace("MARK", escape), &json!({})).await;
                    let what = format!("{} {:?} literal {escape}", operation.name, place.path);
                    assert!(is_refused(&what, status, &answer), "{what}: {answer}");
                }
                let body = json!({ "query": query, "variables": marked }).to_string().replace("MARK", "\\ud800");
                assert_eq!(send_raw(&bench, body).await, StatusCode::BAD_REQUEST, "{} {:?}", operation.name, place.path);

                // Signing a megabyte takes long, so each operation gets it in one place only.
                if count == 0 {
                    let mut large = variables.clone();
                    put(&mut large, place, if place.is_json { json!({ "a": "x".repeat(1_000_000) }) } else { json!("x".repeat(1_000_000)) });
                    let (status, answer) = ask(&bench, OPERATOR, &query, &large).await;
                    assert!(is_refused(&operation.name, status, &answer), "{}", operation.name);
                }
            }
        }
        assert!(asked > 1000, "only {asked} questions were asked");
        everything_reads_back(&bench).await;
    }

    async fn what_is_accepted_reads_back_as_it_was_written(database) {
        let bench = Bench::open(database).await;
        let filler = furnished(&bench).await;
        let update = "updateWalletAddress: UpdateWalletAddressInput { walletAddress { publicName additionalProperties { key value } } }";
        let input = json!({
            "id": filler.text("walletAddressId"), "publicName": BIDI,
            "additionalProperties": [{ "key": BIDI, "value": "two\nlines", "visibleInOpenPayments": true }],
        });
        let changed = bench.mutate(OPERATOR, update, input).await;
        assert_eq!(changed["walletAddress"]["publicName"], BIDI);
        assert_eq!(changed["walletAddress"]["additionalProperties"], json!([{ "key": BIDI, "value": "two\nlines" }]));

        let nested = (0..28).fold(json!("\u{1f600}\u{7f}"), |inner, _| json!({ "a": inner }));
        let create = "createIncomingPayment: CreateIncomingPaymentInput { payment { id metadata } }";
        let input = json!({ "walletAddressId": filler.text("walletAddressId"), "metadata": nested });
        let made = bench.mutate(OPERATOR, create, input).await;
        let read = "query($id: String!) { incomingPayment(id: $id) { metadata } }";
        let found = bench.run(OPERATOR, read, json!({ "id": made["payment"]["id"] })).await;
        assert_eq!(found["data"]["incomingPayment"]["metadata"], nested);
    }

    async fn too_many_filter_values_are_refused_with_the_number_allowed(database) {
        let bench = Bench::open(database).await;
        let query = "query($in: [String!]!) { outgoingPayments(filter: { receiver: { in: $in } }) { edges { cursor } } }";
        let many = json!({ "in": vec!["https://a.example/incoming-payments/1"; 70_000 / 8] });
        let (status, answer) = ask(&bench, OPERATOR, query, &many).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(answer["errors"][0]["message"], "variables.in must not have more than 1000 items");
        assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
        let allowed = json!({ "in": vec!["https://a.example/incoming-payments/1"; 1000] });
        assert_eq!(ask(&bench, OPERATOR, query, &allowed).await.0, StatusCode::OK);
    }
}

/// A key that was used before would give the earlier answer.
fn fresh_key(variables: &mut Value, number: usize) {
    if let Some(key) = variables.pointer_mut("/input/idempotencyKey") {
        *key = format!("key {number}").into();
    }
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(300).collect()
}

/// Every row that was made in this test can be shown.
async fn everything_reads_back(bench: &Bench) {
    for list in [
        "assets { edges { node { code } } pageInfo { hasNextPage endCursor } }",
        "peers { edges { node { name staticIlpAddress routes http { outgoing { endpoint authToken } } } } pageInfo { hasNextPage endCursor } }",
        "walletAddresses { edges { node { address publicName additionalProperties { key value } walletAddressKeys { edges { node { jwk { kid x } } } } } } pageInfo { hasNextPage endCursor } }",
        "incomingPayments { edges { node { metadata client senderWalletAddress } } pageInfo { hasNextPage endCursor } }",
        "outgoingPayments { edges { node { metadata receiver error } } pageInfo { hasNextPage endCursor } }",
        "webhookEvents { edges { node { data } } pageInfo { hasNextPage endCursor } }",
        "tenants { edges { node { settings { key value } } } pageInfo { hasNextPage endCursor } }",
    ] {
        let (name, selection) = list.split_once(' ').unwrap();
        let mut after = Value::Null;
        loop {
            let query = format!("query($after: String) {{ {name}(first: 100, after: $after) {selection} }}");
            let answer = bench.run(OPERATOR, &query, json!({ "after": after })).await;
            assert_eq!(answer.get("errors"), None, "{name}: {answer}");
            let page = &answer["data"][name]["pageInfo"];
            if page["hasNextPage"] != true {
                break;
            }
            after = page["endCursor"].clone();
        }
    }
}
