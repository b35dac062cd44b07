//! `Signature-Input` and related headers: no value makes the parser panic, and no unsigned request counts as signed.
//! Signatures that are valid are tested in `http-signatures`.

use clock::Timestamp;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_signatures::{Freshness, Jwk, SignedRequest, parse_json, to_compact_json, verify};

use crate::corpus::MESSAGES;
use crate::material::Material;

/// The time at which the messages of the corpus were signed.
const NOW: Timestamp = Timestamp::from_millis(1_718_000_000_000);

const INPUTS: [&str; 4] = [
    r#"sig1=("@method" "@target-uri");keyid="k";created=1618884473"#,
    r#"sig1=("@method" "@target-uri" "authorization" "content-digest" "content-length" "content-type");created=1;keyid="a b";alg="ed25519";nonce="x";expires=9"#,
    r#"sig1=( "@method"  "@target-uri" ) ; keyid=unquoted; created=1 , sig2=("date")"#,
    r"sig1=();created=-1",
];
const DIGESTS: [&str; 2] = [
    "sha-512=:z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==:",
    "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:, sha-512=::",
];

pub(crate) fn signature_input(material: &mut Material) {
    if material.one_in(2) { damaged_message(material) } else { made_headers(material) }
}

fn made_headers(material: &mut Material) {
    let mut headers = HeaderMap::new();
    let input = material.pick(&INPUTS).as_bytes().to_vec();
    let digest = material.pick(&DIGESTS).as_bytes().to_vec();
    let signature = b"sig1=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==:";

    for (name, value) in [
        ("signature-input", input),
        ("signature", signature.to_vec()),
        ("content-digest", digest),
        ("content-length", b"0".to_vec()),
        ("content-type", b"application/json".to_vec()),
        ("authorization", b"GNAP token".to_vec()),
    ] {
        let value = material.damaged(value);
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            headers.append(name, value);
        }
    }

    let body = if material.one_in(3) { material.octets(40) } else { Vec::new() };
    let _ = http_signatures::key_id(&headers);
    let request =
        SignedRequest { method: "POST", target_uri: "https://example.com/a?b=c", headers: &headers, body: &body };

    if let Ok(checked) = request.check_headers() {
        let _ = checked.key_id();
        let base = checked.redacted_base();
        assert!(base.contains("@method") && !base.contains("GNAP token"), "{base}");
    }
    let _ = parse_json(&body);
}

/// A signed message in which one part was changed, or none.
fn damaged_message(material: &mut Material) {
    let message = material.pick(&MESSAGES);
    let Ok(key) = serde_json::from_value::<Jwk>(message.jwk.clone()) else { panic!("a key of the vectors") };

    let changed = material.below(message.headers.len() + 4);
    let mut part = |octets: &[u8], index: usize| {
        if index == changed { material.damaged(octets.to_vec()) } else { octets.to_vec() }
    };
    let method = String::from_utf8_lossy(&part(message.method.as_bytes(), 0)).into_owned();
    let target_uri = String::from_utf8_lossy(&part(message.target_uri.as_bytes(), 1)).into_owned();
    let body = part(message.body.as_bytes(), 2);

    let mut headers = HeaderMap::new();
    for (index, (name, value)) in message.headers.iter().enumerate() {
        let value = HeaderValue::from_bytes(&part(value.as_bytes(), index + 3));
        let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value) else { return };
        headers.append(name, value);
    }

    let request = SignedRequest { method: &method, target_uri: &target_uri, headers: &headers, body: &body };
    let verified = verify(request, &key, Freshness::default(), NOW).is_ok();
    // Some of the vectors are invalid themselves, and damage may repair them.
    if verified && message.acceptable {
        assert_eq!((&method, &target_uri), (&message.method, &message.target_uri), "another request than was signed");
        let token = message.headers.iter().find(|(name, _)| name == "authorization").map(|(_, value)| value.trim());
        let received = headers.get("authorization").and_then(|value| value.to_str().ok()).map(str::trim);
        assert_eq!(received, token, "another token than was signed");
        assert!(same_json(&body, message.body.as_bytes()), "another body than was signed");
    }
}

/// Whether both are the same octets or the same JSON. A digest of the compact form covers every form of the JSON.
fn same_json(a: &[u8], b: &[u8]) -> bool {
    let compact = |octets| parse_json(octets).ok().map(|value| to_compact_json(&value));
    a == b || (compact(a).is_some() && compact(a) == compact(b))
}
