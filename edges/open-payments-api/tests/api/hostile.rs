//! Every route over a real database, with hostile texts in its path, its query and its body.
//!
//! The answer is always a result or a refusal with a reason, and both databases give the same. What was stored is shown
//! again as it was sent.

use std::collections::BTreeSet;

use axum::http::Method;
use gnap::AccessType;
use serde_json::{Value, json};
use testkit::on_each_database;

use crate::world::{ALICE, Answer, Call, TENANT, World};

const BIDI: &str = "\u{202e}\u{2066}txt.exe\u{2069}\u{200f}";
const ID: &str = "00000000-0000-4000-8000-000000000009";

/// A route: its name in the router, its request, and the rights of a token for it.
struct Route {
    name: &'static str,
    method: Method,
    path: &'static str,
    body: fn() -> Option<Value>,
    kind: AccessType,
    action: &'static str,
}

fn routes() -> Vec<Route> {
    use AccessType::{IncomingPayment, OutgoingPayment, Quote};
    let nothing: fn() -> Option<Value> = || None;
    let route = |name, method, path, body, kind, action| Route { name, method, path, body, kind, action };
    vec![
        route("Health", Method::GET, "/healthz", nothing, Quote, "read"),
        route(
            "CreateIncomingPayment",
            Method::POST,
            "/{T}/incoming-payments",
            incoming_payment,
            IncomingPayment,
            "create",
        ),
        route("ListIncomingPayments", Method::GET, "/{T}/incoming-payments", nothing, IncomingPayment, "list"),
        route("GetIncomingPayment", Method::GET, "/{T}/incoming-payments/{id}", nothing, IncomingPayment, "read"),
        route(
            "CompleteIncomingPayment",
            Method::POST,
            "/{T}/incoming-payments/{id}/complete",
            nothing,
            IncomingPayment,
            "complete",
        ),
        route("CreateQuote", Method::POST, "/{T}/quotes", quote, Quote, "create"),
        route("GetQuote", Method::GET, "/{T}/quotes/{id}", nothing, Quote, "read"),
        route(
            "CreateOutgoingPayment",
            Method::POST,
            "/{T}/outgoing-payments",
            outgoing_payment,
            OutgoingPayment,
            "create",
        ),
        route("ListOutgoingPayments", Method::GET, "/{T}/outgoing-payments", nothing, OutgoingPayment, "list"),
        route("GetOutgoingPayment", Method::GET, "/{T}/outgoing-payments/{id}", nothing, OutgoingPayment, "read"),
        route(
            "GetOutgoingPaymentGrant",
            Method::GET,
            "/{T}/outgoing-payment-grant",
            nothing,
            OutgoingPayment,
            "create",
        ),
        route("WalletAddressKeys", Method::GET, "/accounts/{id}/jwks.json", nothing, Quote, "read"),
        route("WalletAddress", Method::GET, "/accounts/{id}", nothing, Quote, "read"),
    ]
}

#[expect(clippy::unnecessary_wraps, reason = "routes with and without a body have one form")]
fn incoming_payment() -> Option<Value> {
    Some(json!({
        "walletAddress": ALICE,
        "incomingAmount": {"value": "100", "assetCode": "USD", "assetScale": 2},
        "expiresAt": "2026-01-02T00:00:00Z",
        "metadata": {"note": "n", "inner": {"text": "t"}},
    }))
}

#[expect(clippy::unnecessary_wraps, reason = "routes with and without a body have one form")]
fn quote() -> Option<Value> {
    let receiver = format!("https://wallet.example/{TENANT}/incoming-payments/{ID}");
    let amount = json!({"value": "100", "assetCode": "USD", "assetScale": 2});
    Some(json!({"walletAddress": ALICE, "receiver": receiver, "method": "ilp", "debitAmount": amount}))
}

#[expect(clippy::unnecessary_wraps, reason = "routes with and without a body have one form")]
fn outgoing_payment() -> Option<Value> {
    let quote = format!("https://wallet.example/{TENANT}/quotes/{ID}");
    Some(json!({"walletAddress": ALICE, "quoteId": quote, "metadata": {"note": "n"}}))
}

#[test]
fn every_route_is_tested_here() {
    let source = include_str!("../../src/routes.rs");
    let table = source.split("match names.as_slice() {").nth(1).unwrap().split("Some(route)").next().unwrap();
    let names = table.split("Self::").skip(1).map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next().unwrap());
    let routed: BTreeSet<&str> = names.collect();
    assert_eq!(routed, routes().iter().map(|route| route.name).collect());
}

/// Gives the caller the rights for the route.
fn allow(world: &World, route: &Route) {
    world.introspection(json!({
        "active": true, "grant": "grant-1", "client": {"walletAddress": world.client}, "tenantId": TENANT,
        "access": [{"type": route.kind, "actions": [route.action], "identifier": ALICE}],
    }));
}

fn call(route: &Route, path: String, body: Option<String>) -> Call {
    let call = match body {
        Some(body) => Call::post(path, &Value::Null).raw_body(&body),
        None if route.method == Method::POST => Call::post(path, &Value::Null),
        None => Call::get(path),
    };
    call.method(route.method.clone())
}

fn is_fine(what: &str, answer: &Answer, must_refuse: bool) {
    let status = answer.status.as_u16();
    let text: String = answer.text.chars().take(200).collect();
    assert!(status < 500, "{what}: {status} {text}");
    assert!(!must_refuse || (400..500).contains(&status), "{what}: {status} {text}");
}

fn short(text: &str) -> String {
    text.chars().take(200).collect()
}

on_each_database! {
    async fn no_path_and_no_query_is_a_fault_of_ours(database) {
        let world = World::on(database).await;
        for route in routes() {
            allow(&world, &route);
            for (segment, must_refuse) in testkit::hostile_segments() {
                let mut paths = vec![];
                for parameter in ["{T}", "{id}"].into_iter().filter(|parameter| route.path.contains(parameter)) {
                    paths.push(route.path.replace(parameter, &segment).replace("{T}", TENANT).replace("{id}", ID));
                }
                let plain = route.path.replace("{T}", TENANT).replace("{id}", ID);
                paths.push(format!("{plain}?wallet-address={segment}&cursor={segment}&first={segment}"));
                paths.push(format!("{plain}?wallet-address={ALICE}&{segment}=x"));
                for path in paths {
                    let body = (route.body)().map(|body| body.to_string());
                    let answer = world.ask(call(&route, path.clone(), body)).await;
                    is_fine(&format!("{} {}", route.name, short(&path)), &answer, must_refuse);
                }
            }
        }
    }

    async fn no_text_of_any_body_is_a_fault_of_ours(database) {
        let world = World::on(database).await;
        let mut asked = 0;
        for route in routes() {
            allow(&world, &route);
            let Some(body) = (route.body)() else { continue };
            let path = route.path.replace("{T}", TENANT);
            let mut places = Vec::new();
            texts_of(&body, String::new(), &mut places);
            for place in places {
                let nested = (0..100).fold(json!("x"), |inner, _| json!([inner]));
                let refused = [json!("\0"), json!("a\0b"), json!("x".repeat(1_000_000)), json!("x".repeat(20_000)), nested];
                let others = [BIDI, "", "\u{fffd}\u{1f600}\u{7f}", &"x".repeat(3000), "%00' OR 1=1; --"];
                let poisons = refused.map(|text| (text, true)).into_iter().chain(others.map(|text| (json!(text), false)));
                for (poison, must_refuse) in poisons {
                    let mut poisoned = body.clone();
                    *poisoned.pointer_mut(&place).unwrap() = poison;
                    let what = format!("{} {place} {}", route.name, short(&poisoned.to_string()));
                    let answer = world.ask(call(&route, path.clone(), Some(poisoned.to_string()))).await;
                    is_fine(&what, &answer, must_refuse);
                    asked += 1;
                }
                let mut marked = body.clone();
                *marked.pointer_mut(&place).unwrap() = json!("MARK");
                let lone = marked.to_string().replace("MARK", "\\ud800");
                let answer = world.send(call(&route, path.clone(), Some(lone)).token()).await;
                assert_eq!(answer.status.as_u16(), 400, "{} {place}", route.name);
            }
        }
        assert!(asked > 100, "only {asked} bodies were sent");
    }

    async fn what_was_accepted_is_shown_again_as_it_was_sent(database) {
        let world = World::on(database).await;
        let routes = routes();
        let route = |name: &str| routes.iter().find(|route| route.name == name).unwrap();
        let metadata = json!({BIDI: "\u{1f600}\u{7f}\n", "deep": (0..25).fold(json!(1), |inner, _| json!([inner]))});
        let create = route("CreateIncomingPayment");
        allow(&world, create);
        let body = json!({"walletAddress": "HTTPS://Wallet.example:443/Accounts/%61lice/", "metadata": metadata});
        let made = world.ask(call(create, format!("/{TENANT}/incoming-payments"), Some(body.to_string()))).await;
        assert_eq!(made.status.as_u16(), 201, "{}", made.text);
        assert_eq!(made.json()["walletAddress"], ALICE);
        allow(&world, route("GetIncomingPayment"));
        let path = made.json()["id"].as_str().unwrap().strip_prefix("https://wallet.example").unwrap().to_owned();
        let shown = world.ask(Call::get(path)).await;
        assert_eq!(shown.json()["metadata"], metadata, "{}", shown.text);
    }
}

fn texts_of(value: &Value, path: String, places: &mut Vec<String>) {
    match value {
        Value::String(_) => places.push(path),
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| texts_of(member, format!("{path}/{name}"), places));
        }
        _ => {}
    }
}
