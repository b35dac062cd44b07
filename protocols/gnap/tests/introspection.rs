//! Which granted item answers a required one, and how the answer is written.
//! Requests for grants are in `grant_request`.
#![expect(clippy::unwrap_used, reason = "a test that cannot read its data has failed")]

use gnap::{AccessItem, IntrospectionRequest, RequiredAccess, TokenInfo};
use serde_json::{Value, json};

fn granted(items: Value) -> Vec<AccessItem> {
    serde_json::from_value(items).unwrap()
}

fn required(item: Value) -> RequiredAccess {
    serde_json::from_value(item).unwrap()
}

#[test]
fn wider_actions_cover_narrower_ones_and_not_the_reverse() {
    let wide = granted(json!([{"type": "quote", "actions": ["create", "read-all"]}]));
    assert!(required(json!({"type": "quote", "actions": ["read"]})).best_of(&wide).is_some());
    let narrow = granted(json!([{"type": "incoming-payment", "actions": ["read", "list"]}]));
    for action in ["read-all", "list-all", "create"] {
        assert!(required(json!({"type": "incoming-payment", "actions": [action]})).best_of(&narrow).is_none());
    }
    assert!(required(json!({"type": "quote", "actions": ["read"]})).best_of(&narrow).is_none());
}

#[test]
fn an_owner_named_on_both_sides_must_be_the_same() {
    let alice =
        granted(json!([{"type": "incoming-payment", "actions": ["read"], "identifier": "https://w.example/alice"}]));
    let ask = |owner: &str| required(json!({"type": "incoming-payment", "actions": ["read"], "identifier": owner}));
    assert!(ask("https://W.example/alice/").best_of(&alice).is_some());
    assert!(ask("https://w.example/bob").best_of(&alice).is_none());
    assert!(required(json!({"type": "incoming-payment", "actions": ["read"]})).best_of(&alice).is_some());
}

#[test]
fn the_most_specific_then_the_widest_item_is_chosen_in_any_order() {
    let anybody = json!({"type": "incoming-payment", "actions": ["read-all"]});
    let alice = json!({"type": "incoming-payment", "actions": ["read"], "identifier": "https://w.example/alice"});
    let alice_all =
        json!({"type": "incoming-payment", "actions": ["read", "read-all"], "identifier": "https://w.example/alice"});
    let ask =
        required(json!({"type": "incoming-payment", "actions": ["read"], "identifier": "https://w.example/alice"}));
    let best = granted(json!([alice_all]))[0].clone();
    for order in
        [json!([anybody, alice, alice_all]), json!([alice_all, alice, anybody]), json!([alice, alice_all, anybody])]
    {
        assert_eq!(ask.best_of(&granted(order)), Some(&best));
    }
}

#[test]
fn an_answer_is_written_as_resource_servers_expect_it() {
    let active = json!({
        "active": true, "grant": "g", "access": [{"type": "quote", "actions": ["create"]}],
        "client": {"walletAddress": "https://c.example"}, "tenantId": "t"
    });
    for answer in [active.clone(), json!({"active": false})] {
        let info: TokenInfo = serde_json::from_value(answer.clone()).unwrap();
        assert_eq!(serde_json::to_value(&info).unwrap(), answer);
    }
    let mut bare = active;
    bare["active"] = json!(false);
    assert_eq!(serde_json::from_value::<TokenInfo>(bare).unwrap(), TokenInfo::Inactive);
    assert!(serde_json::from_value::<TokenInfo>(json!({"active": true})).is_err());
}

#[test]
fn a_question_needs_a_token_and_actions() {
    let ask = |body: Value| IntrospectionRequest::parse(body.to_string().as_bytes());
    assert!(ask(json!({"access_token": "x"})).is_ok());
    assert!(
        ask(json!({"access_token": "x", "access": [{"type": "outgoing-payment", "actions": ["create"], "extra": 1}]}))
            .is_ok()
    );
    assert!(ask(json!({"access_token": "x", "access": [{"type": "quote", "actions": []}]})).is_err());
    assert!(ask(json!({"access_token": 1})).is_err());
    assert!(ask(json!({})).is_err());
    assert!(!format!("{:?}", ask(json!({"access_token": "topsecret"})).unwrap()).contains("topsecret"));
}
