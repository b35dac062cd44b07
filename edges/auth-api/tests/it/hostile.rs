//! Every route of every listener, with hostile texts in its path, its query and its body.
//!
//! The answer is always a result or a refusal with a reason, and both databases give the same.

use std::collections::BTreeSet;

use axum::Router;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::{Value, json};
use testkit::on_each_database;

use crate::harness::{Answer, IDP_SECRET, Interaction, OPERATOR, OPERATOR_SECRET, Server, call, outgoing};

const BIDI: &str = "\u{202e}\u{2066}txt.exe\u{2069}\u{200f}";

/// Every route, with its methods; a test compares the list with the routers.
const ROUTES: [(&str, &[&str]); 13] = [
    ("/healthz", &["GET"]),
    ("/discovery", &["GET"]),
    ("/{tenant}", &["POST"]),
    ("/continue/{id}", &["POST", "DELETE"]),
    ("/token/{id}", &["POST", "DELETE"]),
    ("/interact/{id}/{nonce}", &["GET"]),
    ("/interact/{id}/{nonce}/finish", &["GET"]),
    ("/grant/{id}/{nonce}", &["GET"]),
    ("/grant/{id}/{nonce}/{choice}", &["POST"]),
    ("/", &["POST"]),
    ("/tenant", &["POST"]),
    ("/tenant/{id}", &["PATCH", "DELETE"]),
    ("/tenant/{id}/grant/{grant}", &["GET"]),
];

/// The Admin API has documents instead of paths.
const GRAPHQL: &str = "/graphql";

#[test]
fn every_route_is_tested_here() {
    let source = include_str!("../../src/lib.rs");
    let written = source.split(".declare(").skip(1);
    let written = written.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next());
    let of_service = auth_api::ServiceOperation::ALL.into_iter().map(auth_api::ServiceOperation::path);
    let routed: BTreeSet<&str> = written.chain(of_service).collect();
    let listed = ROUTES.iter().map(|(route, _)| *route).chain([GRAPHQL]).collect();
    assert_eq!(routed, listed);
}

/// The bodies in which one text of `body` is replaced by one of these, and whether they must be refused.
fn poisoned(body: &Value) -> Vec<(String, bool)> {
    let mut places = Vec::new();
    texts_of(body, String::new(), &mut places);
    let mut bodies = Vec::new();
    for place in places {
        let mut with = |poison: Value, must_refuse: bool| {
            let mut poisoned = body.clone();
            *poisoned.pointer_mut(&place).unwrap() = poison;
            bodies.push((poisoned.to_string(), must_refuse));
        };
        let nested = (0..100).fold(json!("x"), |inner, _| json!([inner]));
        for refused in [json!("\0"), json!("a\0b"), json!("x".repeat(1_000_000)), json!("x".repeat(20_000)), nested] {
            with(refused, true);
        }
        for text in [BIDI, "", "\u{fffd}\u{1f600}\u{7f}", &"x".repeat(3000), "%00' OR 1=1; --"] {
            with(json!(text), false);
        }
        let mut marked = body.clone();
        *marked.pointer_mut(&place).unwrap() = json!("MARK");
        bodies.push((marked.to_string().replace("MARK", "\\ud800"), true));
    }
    bodies
}

fn texts_of(value: &Value, path: String, places: &mut Vec<String>) {
    match value {
        Value::String(_) => places.push(path),
        Value::Array(items) => {
            (0..).zip(items).for_each(|(at, item): (usize, _)| texts_of(item, format!("{path}/{at}"), places));
        }
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| texts_of(member, format!("{path}/{name}"), places));
        }
        _ => {}
    }
}

/// A good body for each route that reads one.
fn bodies(route: &str, method: &str) -> Vec<Value> {
    let key = json!({"kid": "k", "alg": "EdDSA", "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    match (route, method) {
        ("/{tenant}", _) => {
            let mut by_key = outgoing();
            by_key["client"] = json!({"jwk": key});
            let mut about_person = outgoing();
            about_person["subject"] = json!({"sub_ids": [{"id": "https://wallet.example/alice", "format": "uri"}]});
            about_person["access_token"]["access"][0]["limits"]["receiver"] =
                json!("https://b.example/incoming-payments/1");
            about_person["access_token"]["access"][0]["limits"]["interval"] = json!("R/2026-01-01T00:00:00Z/P1M");
            vec![about_person, by_key]
        }
        ("/continue/{id}", "POST") => vec![json!({"interact_ref": "ref"})],
        ("/", _) => {
            let access = json!([{"type": "quote", "actions": ["read"], "identifier": "https://wallet.example/alice"}]);
            vec![json!({"access_token": "t", "access": access})]
        }
        ("/tenant", _) => vec![json!({
            "id": "00000000-0000-4000-8000-00000000000a", "apiSecret": "s",
            "idpConsentUrl": "https://idp.example", "idpSecret": "s",
        })],
        ("/tenant/{id}", "PATCH") => {
            vec![json!({"apiSecret": "s", "idpConsentUrl": "https://idp.example", "idpSecret": "s"})]
        }
        ("/tenant/{id}", _) => vec![json!({"deletedAt": "2026-01-01T00:00:00Z"})],
        _ => vec![],
    }
}

fn listeners(server: &Server) -> [&Router; 5] {
    let routers = &server.routers;
    [&routers.auth, &routers.interaction, &routers.introspection, &routers.service, &routers.admin]
}

/// `route` with its parameters replaced: the one at `place` by `segment`, the others by ids.
fn path(route: &str, place: usize, segment: &str) -> String {
    let mut seen = 0;
    let parts = route.split('/').map(|part| {
        if !part.starts_with('{') {
            return part.to_owned();
        }
        seen += 1;
        let id = if part == "{tenant}" { OPERATOR } else { "00000000-0000-4000-8000-000000000009" };
        if seen - 1 == place { segment.to_owned() } else { id.to_owned() }
    });
    parts.collect::<Vec<_>>().join("/")
}

fn is_fine(what: &str, answer: &Answer, must_refuse: bool) {
    let status = answer.status.as_u16();
    assert!(status < 500, "{what}: {status} {}", short(&answer.text));
    assert!(!must_refuse || (400..500).contains(&status), "{what}: {status} {}", short(&answer.text));
}

fn short(text: &str) -> String {
    text.chars().take(200).collect()
}

on_each_database! {
    async fn no_path_and_no_query_is_a_fault_of_ours(database) {
        let server = Server::on(database).await;
        for (route, methods) in ROUTES {
            let parameters = route.matches('{').count();
            for (segment, must_refuse) in testkit::hostile_segments() {
                for method in methods {
                    for router in listeners(&server) {
                        for place in 0..parameters {
                            let path = path(route, place, &segment);
                            let answer = call(router, method, &path, HeaderMap::new(), String::new()).await;
                            is_fine(&short(&path), &answer, must_refuse);
                        }
                        let query = format!("{}?clientName={segment}&{segment}=x", path(route, usize::MAX, ""));
                        let answer = call(router, method, &query, HeaderMap::new(), String::new()).await;
                        is_fine(&short(&query), &answer, must_refuse);
                    }
                }
            }
        }
    }

    async fn no_text_of_any_body_is_a_fault_of_ours(database) {
        let server = Server::on(database).await;
        let grant = server.outgoing_grant().await;
        let (continuation, token) = Server::continuation(&grant);
        let mut asked = 0;
        for (route, methods) in ROUTES {
            for method in methods {
                for body in bodies(route, method) {
                    for (body, must_refuse) in poisoned(&body) {
                        let path = if route == "/continue/{id}" { continuation.clone() } else { path(route, usize::MAX, "") };
                        let what = format!("{method} {route} {}", short(&body));
                        let token = (route == "/continue/{id}").then_some(token.as_str());
                        let answer = server.signed_text(method, &path, token, &body).await;
                        is_fine(&what, &answer, must_refuse);
                        let json = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
                        for router in [&server.routers.introspection, &server.routers.service] {
                            is_fine(&what, &call(router, method, &path, json.clone(), body.clone()).await, false);
                        }
                        asked += 1;
                    }
                }
            }
        }
        assert!(asked > 200, "only {asked} bodies were sent");

        // The stored grants are shown with all their texts.
        let query = "{ grants(first: 100) { edges { node { client access { identifier limits { receiver interval } } subject { sub_ids { subId } } } } } }";
        let shown = server.admin(OPERATOR, OPERATOR_SECRET, query).await.unwrap();
        assert!(!shown["grants"]["edges"].as_array().unwrap().is_empty());
    }

    async fn no_interaction_breaks_on_what_a_browser_or_provider_sends(database) {
        let server = Server::on(database).await;
        let interaction = Interaction::of(&server.outgoing_grant().await);
        let secret = HeaderMap::from_iter([(HeaderName::from_static("x-idp-secret"), HeaderValue::from_static(IDP_SECRET))]);
        for (segment, must_refuse) in testkit::hostile_segments() {
            let (id, nonce) = (&interaction.id, &interaction.nonce);
            for (router, method, path) in [
                (&server.routers.auth, "GET", format!("/interact/{id}/{segment}?clientName=a&clientUri=b")),
                (&server.routers.auth, "GET", format!("/interact/{id}/{nonce}?clientName={segment}&clientUri={segment}")),
                (&server.routers.auth, "GET", format!("/interact/{id}/{segment}/finish")),
                (&server.routers.interaction, "GET", format!("/grant/{id}/{segment}")),
                (&server.routers.interaction, "POST", format!("/grant/{id}/{nonce}/{segment}")),
            ] {
                is_fine(&short(&path), &call(router, method, &path, secret.clone(), String::new()).await, must_refuse);
            }
        }
    }

    async fn no_argument_of_the_admin_api_is_a_fault_of_ours(database) {
        let server = Server::on(database).await;
        let documents = [
            "query($x: String!) { grants(after: $x) { edges { cursor } } }",
            "query($x: String!) { grants(before: $x) { edges { cursor } } }",
            "query($x: ID!) { grants(tenantId: $x) { edges { cursor } } }",
            "query($x: String!) { grants(filter: { identifier: { in: [$x] } }) { edges { cursor } } }",
            "query($x: ID!) { grant(id: $x) { id } }",
            "mutation($x: String!) { revokeGrant(input: { grantId: $x }) { id } }",
        ];
        for query in documents {
            for (text, must_refuse) in [("\0", true), ("a\0b", true), (&*"x".repeat(20_000), true), (BIDI, false), ("", false)] {
                let (status, answer) = server.admin_asks(query, &json!({"x": text})).await;
                let errors = answer["errors"].as_array().map_or(0, Vec::len);
                assert!(status < 500 && !answer.to_string().contains("INTERNAL_SERVER_ERROR"), "{query}: {answer}");
                assert!(!must_refuse || errors > 0, "{query}: {answer}");
                if must_refuse {
                    assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{query}: {answer}");
                }
            }
            for escape in ["\\u0000", "\\ud800"] {
                let literal = query.split_once('{').unwrap().1.replace("$x", &format!("\"{escape}\""));
                let kind = if query.starts_with("mutation") { "mutation" } else { "query" };
                let (status, answer) = server.admin_asks(&format!("{kind} {{{literal}"), &json!({})).await;
                assert!(status == 400 && answer["errors"].is_array(), "{literal}: {status} {answer}");
            }
        }
        let many = json!({"x": vec!["https://a.example/b"; 70_000 / 4]});
        let query = "query($x: [String!]!) { grants(filter: { identifier: { in: $x } }) { edges { cursor } } }";
        let (status, answer) = server.admin_asks(query, &many).await;
        assert_eq!((status, &answer["errors"][0]["message"]), (400, &json!("variables.x must not have more than 1000 items")));
    }
}
