//! Grant requests: what is understood, and what is refused with which words.
//! Random documents are in `properties`.
#![expect(clippy::unwrap_used, reason = "a test that cannot read its data has failed")]

use gnap::{AccessType, Client, GrantRequest, InvalidBody, LimitAmount};
use serde_json::{Value, json};

fn outgoing() -> Value {
    json!({
        "client": "https://webmonize.example/pay",
        "access_token": {"access": [{
            "type": "outgoing-payment",
            "actions": ["create", "read"],
            "identifier": "https://wallet.example/alice",
            "limits": {
                "receiver": "https://bank.example/incoming-payments/45a0d0ee",
                "interval": "R12/2019-08-24T14:15:22Z/P1M",
                "debitAmount": {"value": "500", "assetCode": "USD", "assetScale": 2}
            }
        }]},
        "interact": {"start": ["redirect"], "finish": {"method": "redirect", "uri": "https://webmonize.example/back", "nonce": "n"}}
    })
}

fn parse(body: &Value) -> Result<GrantRequest, InvalidBody> {
    GrantRequest::parse(body.to_string().as_bytes())
}

/// The words for `body` with `value` at `pointer`.
fn refusal(pointer: &str, value: Value) -> String {
    let mut body = outgoing();
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap()[member] = value;
    parse(&body).unwrap_err().to_string()
}

#[test]
fn a_request_survives_being_written_and_read_again() {
    let request = parse(&outgoing()).unwrap();
    let written = serde_json::to_value(&request).unwrap();
    assert_eq!(written["access_token"], outgoing()["access_token"]);
    assert_eq!(written["client"], json!({"walletAddress": "https://webmonize.example/pay"}));
    assert_eq!(parse(&written).unwrap(), request);
    let item = &request.access()[0];
    assert_eq!(item.kind(), AccessType::OutgoingPayment);
    assert!(matches!(item.limits().unwrap().amount, Some(LimitAmount::Debit(ref amount)) if amount.value == 500));
}

#[test]
fn a_client_may_present_its_key_and_nothing_else() {
    let key = json!({"kid": "k", "alg": "EdDSA", "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let mut body = outgoing();
    body["client"] = json!({"jwk": key});
    let Client::Jwk(parsed) = parse(&body).unwrap().client else { panic!("a key was presented") };
    assert_eq!(parsed.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "RFC 8037 appendix A.3");
    assert_eq!(serde_json::to_value(&parsed).unwrap(), key);

    let mut private = key.clone();
    private["d"] = json!("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
    for refused in [
        json!({"jwk": private}),
        json!({"jwk": key, "walletAddress": "https://a.example"}),
        json!({"walletAddress": "https://a.example", "name": "x"}),
        json!({"walletAddress": "ftp://a.example"}),
        json!("https://a.example/#jwks"),
        json!({}),
        json!(null),
    ] {
        body["client"] = refused.clone();
        assert!(parse(&body).is_err(), "{refused}");
    }
}

#[test]
fn members_the_server_keeps_for_itself_cannot_be_sent() {
    for member in ["grantId", "id", "createdAt", "__proto__", "anything"] {
        let words = refusal(&format!("/access_token/access/0/{member}"), json!("4ba23a9f-94c6-4f8d-9388-8b03b19e3155"));
        assert!(words.starts_with("body.access_token.access.0") && words.contains("unknown field"), "{words}");
    }
}

#[test]
fn a_finish_of_null_is_no_finish_as_published_clients_send_it() {
    let mut body = outgoing();
    body["interact"]["finish"] = json!(null);
    let polling = parse(&body).unwrap();
    assert_eq!(polling.interact.as_ref().unwrap().finish, None);
    body["interact"].as_object_mut().unwrap().remove("finish");
    assert_eq!(parse(&body).unwrap(), polling);
}

#[test]
fn the_place_of_the_fault_is_named() {
    let mut body = outgoing();
    body["interact"]["finish"].as_object_mut().unwrap().remove("nonce");
    assert_eq!(parse(&body).unwrap_err().to_string(), "body.interact.finish must have required property 'nonce'");
    let mut body = outgoing();
    body.as_object_mut().unwrap().remove("client");
    assert_eq!(parse(&body).unwrap_err().to_string(), "body must have required property 'client'");
    let mut body = outgoing();
    body["access_token"]["access"][0].as_object_mut().unwrap().remove("identifier");
    assert_eq!(
        parse(&body).unwrap_err().to_string(),
        "body.access_token.access.0 must have required property 'identifier'"
    );
    assert_eq!(GrantRequest::parse(b"{"), Err(InvalidBody::Syntax));
    assert_eq!(GrantRequest::parse(b"{} x"), GrantRequest::parse(b"{}"));
}

#[test]
fn a_request_asks_for_access_or_for_a_subject_with_interaction() {
    let client = "https://webmonize.example/pay";
    let subject = json!({"sub_ids": [{"id": "https://wallet.example/alice", "format": "uri"}]});
    assert!(parse(&json!({"client": client})).is_err());
    assert!(parse(&json!({"client": client, "subject": subject})).is_err());
    assert!(parse(&json!({"client": client, "subject": subject, "interact": {"start": []}})).is_ok());
    assert!(parse(&json!({"client": client, "access_token": {"access": []}})).is_ok());
    let two = json!({"sub_ids": [subject["sub_ids"][0], subject["sub_ids"][0]]});
    assert!(parse(&json!({"client": client, "subject": two, "interact": {"start": []}})).is_err());
}

#[test]
fn limits_are_taken_exactly_or_refused() {
    let limits = "/access_token/access/0/limits";
    let amount = |value: Value| json!({"value": value, "assetCode": "USD", "assetScale": 2});
    for value in
        [json!("-1"), json!(""), json!(5), json!("1.0"), json!("18446744073709551616"), json!("000000000000000000001")]
    {
        refusal(&format!("{limits}/debitAmount"), amount(value));
    }
    let both = refusal(&format!("{limits}/receiveAmount"), amount(json!("1")));
    assert_eq!(both, "body.access_token.access.0.limits only one access amount allowed");
    for (member, value) in [
        ("debitAmount", json!(null)),
        ("debitAmount", json!({"value": "1", "assetCode": "", "assetScale": 2})),
        ("debitAmount", json!({"value": "1", "assetCode": "USD", "assetScale": 256})),
        ("debitAmount", json!({"value": "1", "assetCode": "USD", "assetScale": 1.5})),
        ("interval", json!(null)),
        ("interval", json!("R/2024-01-01T00:00:00Z/PT0S")),
        ("interval", json!("monthly")),
        ("receiver", json!("https://bank.example/bob")),
        ("receiver", json!("ftp://bank.example/incoming-payments/1")),
        ("frequency", json!("daily")),
    ] {
        refusal(&format!("{limits}/{member}"), value);
    }
    refusal(limits, json!(null));
    refusal("/access_token/access/0/type", json!("quote"));
}

#[test]
fn items_and_actions_are_few_known_and_different() {
    let item = |kind: &str, actions: Value| json!({"type": kind, "actions": actions});
    let with = |access: Value| parse(&json!({"client": "https://c.example", "access_token": {"access": access}}));
    assert!(
        with(json!([item("incoming-payment", json!(["create", "complete", "list-all"])), item("quote", json!([]))]))
            .is_ok()
    );
    assert!(with(json!([item("quote", json!(["list"]))])).is_err());
    assert!(with(json!([item("quote", json!(["read", "read"]))])).is_err());
    assert!(with(json!([item("quote", json!(["read"])), item("quote", json!(["read"]))])).is_err());
    assert!(with(json!([item("account", json!(["read"]))])).is_err());
    let four: Vec<Value> =
        ["create", "read", "read-all", "list"].iter().map(|a| item("incoming-payment", json!([a]))).collect();
    assert!(with(json!(four)).is_err());
}
