//! What holds for any request whatsoever: nothing panics, what we sign we accept, and a changed request is refused.
//! Published messages are in `vectors`.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::time::Duration;

use clock::Timestamp;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_signatures::{
    Freshness, Jwk, JwkSet, OtherHosts, SignedRequest, Signer, SigningKey, TargetOrigin, content_digest, key_id,
    parse_json, to_compact_json, verify,
};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_millis(1_718_000_000_000);

fn signer() -> Signer {
    Signer::new(SigningKey::from_seed(&[9; 32]), "key").unwrap()
}

/// Texts made of the pieces parsers look at, so that random input gets past the first character.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "sig1",
        "sig2",
        "=",
        "(",
        ")",
        "\"",
        ";",
        ",",
        " ",
        ":",
        "\\",
        "@method",
        "@target-uri",
        "@path",
        "date",
        "content-digest",
        "authorization",
        "keyid=\"key\"",
        "created=1718000000",
        "expires=",
        "nonce=",
        "alg=ed25519",
        "AAAA",
        "sha-512",
        "sha-256",
        "é",
        "1",
        "?1",
        "\t",
        "==",
        "-",
        "_",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn header_value() -> impl Strategy<Value = HeaderValue> {
    let any_bytes = prop::collection::vec(any::<u8>(), 0..64);
    let bytes = prop_oneof![pieces().prop_map(String::into_bytes), any_bytes];
    bytes.prop_filter_map("not a header value", |bytes| HeaderValue::from_bytes(&bytes).ok())
}

fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|b| b.to_string()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<u64>().prop_map(|n| n.to_string()),
        prop::num::f64::NORMAL.prop_map(|n| format!("{n:e}")),
        any::<String>().prop_map(|s| serde_json::to_string(&s).unwrap()),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        let member = (prop_oneof!["[0-9]{1,11}", any::<String>()], inner.clone());
        let members = prop::collection::btree_map(member.0, inner.clone(), 0..6);
        let object = members.prop_map(|members| {
            let members = members.iter().map(|(k, v)| format!("{} :{v}", serde_json::to_string(k).unwrap()));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(" , "))
        });
        prop_oneof![prop::collection::vec(inner, 0..6).prop_map(|items| format!("[{}]", items.join(", "))), object]
    })
}

proptest! {
    #[test]
    fn no_headers_and_no_body_make_the_verifier_panic(
        values in prop::collection::vec((0..8_usize, header_value()), 0..10),
        method in ".{0,8}",
        target_uri in prop_oneof![".{0,40}", "[a-z]{0,5}://[a-z:.]{0,9}[/?#a-z%]{0,9}"],
        body in prop_oneof![prop::collection::vec(any::<u8>(), 0..64), json_text().prop_map(String::into_bytes)],
    ) {
        let names = ["signature", "signature-input", "content-digest", "content-length", "content-type", "authorization", "date", "host"];
        let mut headers = HeaderMap::new();
        for (name, value) in values {
            headers.append(HeaderName::from_static(names[name]), value);
        }
        let request = SignedRequest { method: &method, target_uri: &target_uri, headers: &headers, body: &body };
        let _ = key_id(&headers);
        let _ = verify(request, signer().jwk(), Freshness::default(), NOW);
        if let Ok(checked) = request.check_headers() {
            let _ = checked.redacted_base();
        }
        for origin in [
            TargetOrigin::Host,
            TargetOrigin::TrustedProxy,
            TargetOrigin::AlwaysHttps { trusted_proxy: true },
            TargetOrigin::Pinned { origin: target_uri.clone(), others: OtherHosts::Refused },
        ] {
            let _ = origin.target_uri(&method, &headers);
        }
    }

    #[test]
    fn no_bytes_make_the_readers_of_keys_and_json_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,80}") {
        let _ = parse_json(&bytes);
        let _ = serde_json::from_slice::<JwkSet>(&bytes);
        let _ = SigningKey::from_text(&text);
        let _ = Signer::new(SigningKey::from_seed(&[1; 32]), &text);
        let key = format!(r#"{{"kid":{},"x":{},"alg":"EdDSA","kty":"OKP","crv":"Ed25519"}}"#,
            serde_json::to_string(&text).unwrap(), serde_json::to_string(&text).unwrap());
        let _ = serde_json::from_str::<Jwk>(&key);
    }

    #[test]
    fn what_we_sign_we_accept_and_any_other_request_we_refuse(
        method in prop::sample::select(vec!["GET", "POST", "DELETE", "PUT"]),
        path in "/[a-zA-Z0-9/%?=&._~-]{0,40}",
        token in prop::option::of("[A-Za-z0-9]{1,20}"),
        body in prop_oneof![Just(String::new()), json_text()],
        change in 0..5_u8,
    ) {
        let target_uri = format!("https://wallet.example{path}");
        let mut headers = HeaderMap::new();
        if let Some(token) = &token {
            headers.insert("authorization", format!("GNAP {token}").parse().unwrap());
        }
        signer().sign(method, &target_uri, &mut headers, body.as_bytes(), NOW).unwrap();
        let request = SignedRequest { method, target_uri: &target_uri, headers: &headers, body: body.as_bytes() };
        prop_assert!(verify(request, signer().jwk(), Freshness::default(), NOW).is_ok());

        let (mut other_headers, mut other_target, mut other_body, mut other_method) =
            (headers.clone(), target_uri.clone(), body.clone(), method.to_owned());
        match change {
            0 => other_target.push('x'),
            1 => other_method.push('X'),
            2 => other_body.push_str("[]"),
            3 => { other_headers.insert("authorization", "GNAP other-token".parse().unwrap()); }
            _ => {
                let input = headers["signature-input"].to_str().unwrap().replace("created=17180", "created=17179");
                other_headers.insert("signature-input", input.parse().unwrap());
            }
        }
        let other = SignedRequest { method: &other_method, target_uri: &other_target, headers: &other_headers, body: other_body.as_bytes() };
        let refused = verify(other, signer().jwk(), Freshness { max_age: Duration::ZERO, ..Freshness::default() }, NOW);
        prop_assert!(refused.is_err());
    }

    #[test]
    fn a_digest_of_the_compact_form_vouches_for_any_spelling_of_the_same_json(text in json_text()) {
        let value = parse_json(text.as_bytes()).unwrap();
        let compact = to_compact_json(&value);
        prop_assert_eq!(to_compact_json(&parse_json(compact.as_bytes()).unwrap()), compact.clone());
        let mut headers = HeaderMap::new();
        signer().sign("POST", "https://a.example/", &mut headers, compact.as_bytes(), NOW).unwrap();
        prop_assert_eq!(headers["content-digest"].to_str().unwrap(), content_digest(compact.as_bytes()));
        // The length is that of what is sent, so the sender of another spelling signs another length.
        if text.len() == compact.len() {
            let request = SignedRequest { method: "POST", target_uri: "https://a.example/", headers: &headers, body: text.as_bytes() };
            prop_assert!(verify(request, signer().jwk(), Freshness::default(), NOW).is_ok());
        }
    }
}
