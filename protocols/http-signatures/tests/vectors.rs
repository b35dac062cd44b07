//! The published JavaScript package's messages, and what this verifier must decide about each.
//! Random requests are in `properties`.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use clock::Timestamp;
use http::HeaderMap;
use http_signatures::{Freshness, Jwk, SignedRequest, Signer, SigningKey, VerifyError, verify};
use serde_json::Value;

/// The one vector decided otherwise: a client may call its signature as it likes (RFC 9421 section 4.1).
const FREE_LABEL: &str = "neg-other-label";

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors/http-signatures.json")).unwrap()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn headers(vector: &Value) -> HeaderMap {
    let sent = vector["request"]["headers"].as_object().unwrap();
    sent.iter().map(|(name, value)| (name.parse().unwrap(), value.as_str().unwrap().parse().unwrap())).collect()
}

fn decide(vectors: &Value, vector: &Value, freshness: Freshness) -> Result<(), VerifyError> {
    let key: Jwk = serde_json::from_value(vectors["keys"][text(vector, "verifyWithKey")]["jwk"].clone()).unwrap();
    let (request, headers) = (&vector["request"], headers(vector));
    let request = SignedRequest {
        method: text(request, "method"),
        target_uri: text(request, "targetUri"),
        headers: &headers,
        body: text(request, "body").as_bytes(),
    };
    let now = Timestamp::from_millis(vectors["clock"].as_i64().unwrap() * 1000);
    verify(request, &key, freshness, now).map(drop)
}

#[test]
fn every_vector_is_decided_as_the_profile_demands() {
    let vectors = vectors();
    let all = vectors["vectors"].as_array().unwrap();
    assert_eq!(all.len(), 60);
    for vector in all {
        let decision = decide(&vectors, vector, Freshness::default());
        let accepted = text(vector, "expected") == "accept" || text(vector, "id") == FREE_LABEL;
        assert_eq!(decision.is_ok(), accepted, "{}: {decision:?}", text(vector, "id"));
    }
}

#[test]
fn several_header_lines_are_equal_to_one_with_commas() {
    let vectors = vectors();
    let vector =
        vectors["vectors"].as_array().unwrap().iter().find(|v| text(v, "id") == "diff-second-signature").unwrap();
    let mut split = headers(vector);
    for name in ["signature", "signature-input"] {
        let line = split.remove(name).unwrap();
        // Components are not divided by commas, so the comma stands between the members.
        for member in line.to_str().unwrap().split(", ") {
            split.append(name, member.parse().unwrap());
        }
        assert_eq!(split.get_all(name).iter().count(), 2);
    }
    let key: Jwk = serde_json::from_value(vectors["keys"][text(vector, "verifyWithKey")]["jwk"].clone()).unwrap();
    let request = &vector["request"];
    let request = SignedRequest {
        method: text(request, "method"),
        target_uri: text(request, "targetUri"),
        headers: &split,
        body: text(request, "body").as_bytes(),
    };
    let now = Timestamp::from_millis(vectors["clock"].as_i64().unwrap() * 1000);
    assert_eq!(verify(request, &key, Freshness::default(), now).map(|verified| verified.key_id), Ok("key-a".into()));
}

#[test]
fn a_signature_with_a_nonce_is_the_only_one_of_its_kind_and_verifies() {
    let signer = Signer::new(SigningKey::from_seed(&[7; 32]), "key").unwrap();
    let now = Timestamp::from_millis(1_718_000_000_000);
    let sign = |nonce: &str| {
        let mut headers = HeaderMap::new();
        signer.sign_once("POST", "https://a.example/", &mut headers, b"{}", now, nonce).unwrap();
        headers
    };
    let (first, second) = (sign("n1"), sign("n2"));
    assert_ne!(first["signature"], second["signature"]);
    for (headers, nonce) in [(first, "n1"), (second, "n2")] {
        let request =
            SignedRequest { method: "POST", target_uri: "https://a.example/", headers: &headers, body: b"{}" };
        let verified = verify(request, signer.jwk(), Freshness::default(), now).unwrap();
        assert_eq!(verified.nonce.as_deref(), Some(nonce));
    }
}

#[test]
fn header_failures_and_signature_failures_are_told_apart_as_the_authorization_server_reports_them() {
    let vectors = vectors();
    for vector in vectors["vectors"].as_array().unwrap() {
        if !text(vector, "id").starts_with("neg-") || text(vector, "id") == FREE_LABEL {
            continue;
        }
        let decision = decide(&vectors, vector, Freshness::default());
        match text(&vector["authServerResponse"], "description") {
            "invalid signature headers" => assert!(matches!(decision, Err(VerifyError::Headers(_))), "{vector}"),
            // A key id changed after signing already differs from the key's name.
            "invalid signature" if text(vector, "id") == "neg-keyid-changed" => {
                assert_eq!(decision, Err(VerifyError::KeyId));
            }
            "invalid signature" => assert_eq!(decision, Err(VerifyError::Signature), "{vector}"),
            _ => assert!(decision.is_err()),
        }
    }
}

#[test]
fn signatures_without_time_are_accepted_once_freshness_is_switched_off() {
    let vectors = vectors();
    let off = Freshness { max_age: std::time::Duration::ZERO, ..Freshness::default() };
    for id in ["weak-no-created", "weak-created-old", "weak-created-future", "weak-expired"] {
        let vector = vectors["vectors"].as_array().unwrap().iter().find(|v| text(v, "id") == id).unwrap();
        assert_eq!(decide(&vectors, vector, off), Ok(()), "{id}");
    }
}

#[test]
fn our_signatures_are_octet_for_octet_those_of_the_official_package() {
    let vectors = vectors();
    let clock = Timestamp::from_millis(vectors["clock"].as_i64().unwrap() * 1000);
    let signer = Signer::new(SigningKey::from_text(text(&vectors["keys"]["A"], "pkcs8Pem")).unwrap(), "key-a").unwrap();
    let mut compared = 0;
    for vector in vectors["vectors"].as_array().unwrap() {
        let expected = headers(vector);
        let plain = text(vector, "sdk") == "node" && text(vector, "verifyWithKey") == "A";
        // The package digests the compact form; we are only ever given compact bodies.
        if !plain || text(vector, "id") == "pos-pretty-body-compact-digest" {
            continue;
        }
        let mut ours = expected.clone();
        for made in ["signature", "signature-input", "content-digest", "content-length"] {
            ours.remove(made);
        }
        let request = &vector["request"];
        signer
            .sign(
                text(request, "method"),
                text(request, "targetUri"),
                &mut ours,
                text(request, "body").as_bytes(),
                clock,
            )
            .unwrap();
        assert_eq!(ours, expected, "{}", text(vector, "id"));
        compared += 1;
    }
    assert!(compared >= 6, "only {compared} messages compared");
}

#[test]
fn private_keys_are_read_from_pem_and_from_base64_of_pem_and_nothing_else() {
    use base64::Engine;
    let vectors = vectors();
    for name in ["A", "B"] {
        let key = &vectors["keys"][name];
        let pem = text(key, "pkcs8Pem");
        let from_pem = SigningKey::from_text(pem).unwrap();
        assert_eq!(from_pem.to_pem(), pem);
        assert_eq!(hex::encode(from_pem.public_key().unwrap().as_bytes()), text(key, "publicKeyHex"));
        let wrapped = base64::engine::general_purpose::STANDARD.encode(pem);
        assert_eq!(SigningKey::from_text(&wrapped).unwrap().to_pem(), pem);
    }
    assert!(SigningKey::from_text("").is_err());
    assert!(SigningKey::from_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----").is_err());
}
