//! `Signature-Input` and its companions: no header value makes the reader panic or a request signed that is not.

use http::{HeaderMap, HeaderValue};
use http_signatures::SignedRequest;

use crate::material::Material;

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
    let _ = http_signatures::parse_json(&body);
}
