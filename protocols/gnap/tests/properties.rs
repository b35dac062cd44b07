//! Whatever a client sends is a request or a refusal with words, and what is written is read back.
//! Chosen documents are in `grant_request`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use clock::Timestamp;
use gnap::{
    AccessItem, Client, ContinueResponse, ContinueStep, ErrorBody, GrantRequest, GrantResponse, IntrospectionRequest,
    Limits, RepeatingInterval, TokenInfo, TokenResponse, WalletAddressUrl, WebUrl,
};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Texts that some member of some request would take, and others.
fn text() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "https://wallet.example/alice",
        "https://wallet.example/t/incoming-payments/1",
        "incoming-payment",
        "outgoing-payment",
        "quote",
        "create",
        "read-all",
        "redirect",
        "uri",
        "USD",
        "500",
        "R12/2019-08-24T14:15:22Z/P1M",
        "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    ]);
    prop_oneof![3 => known.prop_map(str::to_owned), 1 => any::<String>()]
}

fn access() -> impl Strategy<Value = Value> {
    let kinds = prop::sample::select(vec!["incoming-payment", "outgoing-payment", "quote", "other"]);
    let actions = prop::sample::subsequence(vec!["create", "complete", "read", "read-all", "list", "list-all"], 0..4);
    let limits = prop_oneof![
        Just(json!({})),
        text().prop_map(|value| json!({"debitAmount": {"value": value, "assetCode": "USD", "assetScale": 2}})),
        text().prop_map(|interval| json!({"interval": interval})),
        text().prop_map(|receiver| json!({"receiver": receiver})),
    ];
    (kinds, actions, prop::option::of(text()), prop::option::of(limits)).prop_map(
        |(kind, actions, identifier, limits)| {
            let mut item = json!({"type": kind, "actions": actions});
            if let Some(identifier) = identifier {
                item["identifier"] = identifier.into();
            }
            if let Some(limits) = limits {
                item["limits"] = limits;
            }
            item
        },
    )
}

fn request() -> impl Strategy<Value = Value> {
    let client = prop_oneof![
        text().prop_map(Value::from),
        text().prop_map(|url| json!({"walletAddress": url})),
        (text(), text())
            .prop_map(|(kid, x)| json!({"jwk": {"kid": kid, "x": x, "alg": "EdDSA", "kty": "OKP", "crv": "Ed25519"}})),
    ];
    let finish = prop::option::of((text(), text()));
    (client, prop::collection::vec(access(), 0..4), finish).prop_map(|(client, access, finish)| {
        let mut request = json!({"client": client, "access_token": {"access": access}});
        if let Some((uri, nonce)) = finish {
            let finish = json!({"method": "redirect", "uri": uri, "nonce": nonce});
            request["interact"] = json!({"start": ["redirect"], "finish": finish});
        }
        request
    })
}

fn is_read_back<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(document: &Value) {
    if let Ok(read) = serde_json::from_value::<T>(document.clone()) {
        let written = serde_json::to_string(&read).unwrap();
        assert_eq!(serde_json::from_str::<T>(&written).unwrap(), read, "{written}");
    }
}

proptest! {
    #[test]
    fn a_grant_request_is_refused_or_read_back_as_written(request in request()) {
        if let Ok(read) = GrantRequest::parse(request.to_string().as_bytes()) {
            let written = serde_json::to_vec(&read).unwrap();
            prop_assert_eq!(GrantRequest::parse(&written).unwrap(), read);
        }
        is_read_back::<Client>(&request["client"]);
    }

    #[test]
    fn rights_are_refused_or_read_back_as_written(item in access()) {
        is_read_back::<AccessItem>(&item);
        is_read_back::<Limits>(&item["limits"]);
        let question = json!({"access_token": "t", "access": [item]});
        if let Ok(read) = IntrospectionRequest::parse(question.to_string().as_bytes()) {
            let written = serde_json::to_vec(&read).unwrap();
            prop_assert_eq!(IntrospectionRequest::parse(&written).unwrap(), read);
        }
    }

    #[test]
    fn answers_are_read_back_as_written(item in access(), seconds in prop::option::of(any::<u64>()), request in request()) {
        let r#continue = json!({"access_token": {"value": "v"}, "uri": "https://a/continue/1", "wait": seconds});
        let token = json!({"value": "v", "manage": "https://a/token/1", "expires_in": seconds, "access": [item]});
        let interact = json!({"redirect": "https://a/interact/1/2", "finish": "n"});
        is_read_back::<GrantResponse>(&json!({"interact": interact, "continue": r#continue}));
        is_read_back::<GrantResponse>(&json!({"access_token": token, "continue": r#continue}));
        is_read_back::<ContinueResponse>(&json!({"access_token": token, "continue": r#continue}));
        is_read_back::<TokenResponse>(&json!({"access_token": token}));
        is_read_back::<TokenInfo>(&json!({"active": true, "grant": "g", "access": [item], "client": request["client"]}));
        is_read_back::<ErrorBody>(&json!({"error": {"code": "invalid_client", "description": "d"}}));
    }

    #[test]
    fn no_octets_and_no_text_make_a_reader_panic(octets in prop::collection::vec(any::<u8>(), 0..200), text in text()) {
        let _ = (GrantRequest::parse(&octets), ContinueStep::parse(&octets), IntrospectionRequest::parse(&octets));
        let _ = (text.parse::<WebUrl>(), text.parse::<WalletAddressUrl>(), text.parse::<RepeatingInterval>());
    }

    #[test]
    fn a_repetition_holds_the_instant_it_was_found_for(
        repetitions in prop_oneof![Just(String::new()), (0u32..2000).prop_map(|n| n.to_string())],
        start in "[12][0-9]{3}-(0[1-9]|1[0-2])-([0-2][0-9]|3[01])T[01][0-9]:[0-5][0-9]:[0-5][0-9]Z",
        years in 0u32..3, months in 0u32..14, days in 0u32..40, seconds in 0u32..100_000, at in any::<i64>(),
    ) {
        let text = format!("R{repetitions}/{start}/P{years}Y{months}M{days}DT{seconds}S");
        let Ok(interval) = text.parse::<RepeatingInterval>() else { return Ok(()) };
        for at in [at, at % 4_000_000_000_000] {
            let at = Timestamp::from_millis(at);
            if let Some(window) = interval.window_at(at) {
                prop_assert!(window.contains(at) && window.start <= at && at < window.end, "{text} at {at}");
            }
        }
    }
}
