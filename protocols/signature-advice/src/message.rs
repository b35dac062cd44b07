//! The headers `Signature` and `Signature-Input` of Open Payments requests (RFC 9421), and `Content-Digest` (RFC 9530).
//! Signatures with a shared secret are in `shared_secret`.

use std::time::Duration;

use clock::Timestamp;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use http_signatures::{CheckedRequest, DigestError, Freshness, HeaderError, Jwk, SignedRequest, VerifyError};

use crate::Finding;

/// No check of time.
const AT_ANY_TIME: Freshness = Freshness { max_age: Duration::ZERO, clock_skew: Duration::ZERO };

/// What is wrong with the signature of `request`, which should be by one of `keys`; empty if nothing is.
pub fn explain(request: SignedRequest<'_>, keys: &[Jwk], freshness: Freshness, now: Timestamp) -> Vec<Finding> {
    let checked = match request.check_headers() {
        Err(error) => return vec![header_finding(&request, &error)],
        Ok(checked) => checked,
    };
    let key = match key_of(&checked, keys) {
        Err(finding) => return vec![finding],
        Ok(key) => key,
    };

    let mut findings = Vec::new();
    match checked.verify(key, freshness, now) {
        Ok(_) => return findings,
        Err(VerifyError::Algorithm) => {
            return vec![Finding::new(
                "algorithm-differs",
                "leave alg out of Signature-Input, or set it to \"ed25519\"",
            )];
        }
        Err(error @ (VerifyError::NoCreated | VerifyError::Expired | VerifyError::NotYet)) => {
            findings.push(time_finding(&request, &error, freshness));
        }
        Err(_) => {}
    }
    if checked.verify(key, AT_ANY_TIME, now).is_err() {
        findings.push(signature_finding(request, &checked, key, keys, now));
    }
    findings
}

fn text<'a>(request: &SignedRequest<'a>, name: &str) -> Option<&'a str> {
    request.headers.get(name)?.to_str().ok()
}

fn header_finding(request: &SignedRequest<'_>, error: &HeaderError) -> Finding {
    match error {
        HeaderError::Missing if text(request, "signature").is_none() => {
            Finding::new("signature-missing", "there is no header Signature; send `Signature: sig1=:<base64>:`")
        }
        HeaderError::Missing => Finding::new(
            "input-missing",
            "there is no header Signature-Input; it lists what is signed: `sig1=(\"@method\" \"@target-uri\");keyid=…`",
        ),
        HeaderError::Malformed => Finding::new("input-malformed", error.to_string()),
        HeaderError::Component => component_finding(request),
        HeaderError::NotCovered(component) => Finding::new(
            match *component {
                "@method" => "method-not-signed",
                "@target-uri" => "target-not-signed",
                "authorization" => "authorization-not-signed",
                _ => "digest-not-signed",
            },
            format!("add \"{component}\" to the list in Signature-Input, and sign it"),
        ),
        HeaderError::Absent(header) => Finding::new(
            "header-absent",
            format!(
                "the signature needs the header {header}, but it was not received; send it, or let the proxy pass it on"
            ),
        ),
        HeaderError::Length => Finding::new(
            "length-differs",
            format!("{error}: {} octets were received. Do not change the body after it was signed", request.body.len()),
        ),
        HeaderError::Digest(DigestError::Malformed) => Finding::new(
            "digest-malformed",
            "write Content-Digest as `sha-512=:<base64>:`, with a colon before and after the base64",
        ),
        HeaderError::Digest(DigestError::Unsupported) => {
            Finding::new("digest-algorithm", "use sha-256 or sha-512 in Content-Digest")
        }
        HeaderError::Digest(DigestError::Mismatch) => Finding::new(
            "digest-differs",
            "Content-Digest is of another body; digest the octets that are sent, after the last change of them",
        ),
    }
}

fn component_finding(request: &SignedRequest<'_>) -> Finding {
    let input = text(request, "signature-input").unwrap_or_default();
    let list = input.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map_or("", |(list, _)| list);
    let names: Vec<&str> = list.split(' ').map(|name| name.trim_matches('"')).collect();
    if let Some(name) = names.iter().find(|name| name.bytes().any(|octet| octet.is_ascii_uppercase())) {
        return Finding::new("component-upper-case", format!("write {name} in lower case in Signature-Input"));
    }
    if let Some(name) = names.iter().find(|name| names.iter().filter(|other| other == name).count() > 1) {
        return Finding::new("component-repeated", format!("{name} is listed twice in Signature-Input"));
    }
    Finding::new(
        "component-unsupported",
        "Signature-Input lists a component that is not supported, or one with parameters; use @method, @target-uri and \
         header names",
    )
}

fn key_of<'k>(checked: &CheckedRequest<'_>, keys: &'k [Jwk]) -> Result<&'k Jwk, Finding> {
    let Some(key_id) = checked.key_id() else {
        return Err(Finding::new("key-id-missing", "add `;keyid=\"<kid of your key>\"` to Signature-Input"));
    };
    keys.iter().find(|key| key.kid() == key_id).ok_or_else(|| {
        let known: Vec<&str> = keys.iter().map(Jwk::kid).collect();
        let advice = format!("no published key has the kid {key_id:?}; published are: {}", known.join(", "));
        Finding::new("key-id-unknown", advice)
    })
}

/// Seconds since 1970 have eleven digits at most until 5138.
const LONGEST_SECONDS: usize = 11;

fn time_finding(request: &SignedRequest<'_>, error: &VerifyError, freshness: Freshness) -> Finding {
    let created = parameter(request, "created");
    if created.is_some_and(|digits| digits.len() > LONGEST_SECONDS) {
        return Finding::new("created-in-milliseconds", "created looks like milliseconds; it is in seconds");
    }
    match error {
        VerifyError::NoCreated => {
            Finding::new("created-missing", "add `;created=<seconds since 1970>` to Signature-Input")
        }
        VerifyError::NotYet => {
            Finding::new("clock-ahead", "the signature was created in the future; set the client's clock")
        }
        _ if parameter(request, "expires").is_some() => {
            Finding::new("expired", "the signature is too old, or its expires has passed; sign anew for each request")
        }
        _ => Finding::new(
            "too-old",
            format!(
                "created is more than {} s ago; sign anew for each request, and compare the clocks",
                freshness.max_age.as_secs()
            ),
        ),
    }
}

/// The digits of a parameter of the signature.
fn parameter<'a>(request: &SignedRequest<'a>, name: &str) -> Option<&'a str> {
    let input = text(request, "signature-input")?;
    let (_, rest) = input.split_once(&format!(";{name}="))?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    Some(&rest[..end])
}

/// Finds the mistake with which the signature is right.
fn signature_finding(
    request: SignedRequest<'_>,
    checked: &CheckedRequest<'_>,
    key: &Jwk,
    keys: &[Jwk],
    now: Timestamp,
) -> Finding {
    if let Some(finding) = unreadable_signature(&request) {
        return finding;
    }
    let fits = |request: SignedRequest<'_>| http_signatures::verify(request, key, AT_ANY_TIME, now).is_ok();
    for (code, target, advice) in other_targets(request.target_uri) {
        if fits(SignedRequest { target_uri: &target, ..request }) {
            return Finding::new(
                code,
                format!("the client signed {target}, but the server was called as {}; {advice}", request.target_uri),
            );
        }
    }
    if fits(SignedRequest { method: &request.method.to_ascii_lowercase(), ..request }) {
        return Finding::new(
            "method-lower-case",
            "the method was signed in lower case; sign it as it is sent, in capitals",
        );
    }
    if let Some(finding) = other_authorization(request, &fits) {
        return finding;
    }
    let signed_by = |other: &&Jwk| checked_by_key_material(request, key, other, now);
    if let Some(other) = keys.iter().filter(|other| other.kid() != key.kid()).find(signed_by) {
        let advice = format!("the signature is by the key {:?}, but keyid names {:?}", other.kid(), key.kid());
        return Finding::new("key-differs", advice);
    }
    Finding::new(
        "signature-differs",
        format!(
            "no usual mistake makes this signature right: it is by another key, or a signed value was changed on the \
             way. The server reads these lines as the signed text:\n{}",
            checked.redacted_base()
        ),
    )
}

/// The signature is not under the label of its input, or is not 64 octets of base64.
fn unreadable_signature(request: &SignedRequest<'_>) -> Option<Finding> {
    let label = text(request, "signature-input")?.split('=').next()?.trim();
    let signature = text(request, "signature")?;
    if let Some((other, _)) = signature.split_once("=:").filter(|(other, _)| other.trim() != label)
        && !signature.contains(',')
    {
        let advice =
            format!("Signature-Input has the label {label}, but Signature has {}; use one label", other.trim());
        return Some(Finding::new("label-differs", advice));
    }
    let octets = signature.split_once("=:").map_or(signature, |(_, rest)| rest).trim_end_matches(':');
    let characters = octets.trim_end_matches('=').len();
    (characters != SIGNATURE_CHARACTERS).then(|| {
        Finding::new(
            "signature-length",
            format!("the signature has {characters} characters of base64; Ed25519 has 64 octets, which are {SIGNATURE_CHARACTERS}"),
        )
    })
}

/// 64 octets in base64, without padding.
const SIGNATURE_CHARACTERS: usize = 86;

/// Other spellings of the called URI that clients sign by mistake.
fn other_targets(uri: &str) -> Vec<(&'static str, String, &'static str)> {
    let mut targets = Vec::new();
    let (scheme, rest) = uri.split_once("://").unwrap_or(("", uri));
    let other_scheme = if scheme == "https" { "http" } else { "https" };
    let proxy = "a proxy that ends TLS must tell the scheme (TRUST_PROXY, SIGNATURE_PUBLIC_URL)";
    targets.push(("scheme-differs", format!("{other_scheme}://{rest}"), proxy));

    let without_query = uri.split('?').next().unwrap_or(uri);
    if without_query != uri {
        targets.push(("query-not-signed", without_query.to_owned(), "sign the URI with its query"));
    }
    let slash = match uri.strip_suffix('/') {
        Some(without) => without.to_owned(),
        None => format!("{uri}/"),
    };
    targets.push(("slash-differs", slash, "sign the URI as it is called, with or without the slash at its end"));

    let path = rest.find('/').map_or("/", |at| &rest[at..]);
    targets.push(("path-only-signed", path.to_owned(), "sign the absolute URI, with scheme and host"));
    targets
}

/// The token was signed without its scheme, or with another one.
fn other_authorization(request: SignedRequest<'_>, fits: &impl Fn(SignedRequest<'_>) -> bool) -> Option<Finding> {
    let (scheme, token) = text(&request, "authorization")?.split_once(' ')?;
    let spellings = [
        token.to_owned(),
        format!("Bearer {token}"),
        format!("GNAP {token}"),
        format!("{} {token}", scheme.to_lowercase()),
    ];
    let found = spellings.iter().find(|spelling| {
        let mut headers = request.headers.clone();
        let Ok(value) = HeaderValue::from_str(spelling) else { return false };
        headers.insert(AUTHORIZATION, value);
        fits(SignedRequest { headers: &headers, ..request })
    });
    found.map(|_| {
        Finding::new(
            "authorization-differs",
            format!(
                "the header Authorization was signed in another form than it was sent; sign `{scheme} <token>` whole"
            ),
        )
    })
}

/// Whether `other` made the signature that names `named`.
fn checked_by_key_material(request: SignedRequest<'_>, named: &Jwk, other: &Jwk, now: Timestamp) -> bool {
    Jwk::new(named.kid(), *other.key())
        .is_ok_and(|disguised| http_signatures::verify(request, &disguised, AT_ANY_TIME, now).is_ok())
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http_signatures::{Signer, SigningKey};

    use super::*;

    const URI: &str = "https://wallet.example/payments?first=1";
    const BODY: &[u8] = br#"{"a":1}"#;
    const NOW: i64 = 1_767_225_600_000;

    fn signer(seed: u8) -> Signer {
        Signer::new(SigningKey::from_seed(&[seed; 32]), "k1").unwrap()
    }

    fn keys() -> Vec<Jwk> {
        let other = SigningKey::from_seed(&[2; 32]).public_key().unwrap();
        vec![signer(1).jwk().clone(), Jwk::new("k2", other).unwrap()]
    }

    fn token(text: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(text))])
    }

    /// The headers of a request that was signed like this.
    fn signed(seed: u8, method: &str, uri: &str, mut headers: HeaderMap) -> HeaderMap {
        signer(seed).sign(method, uri, &mut headers, BODY, Timestamp::from_millis(NOW)).unwrap();
        headers
    }

    fn right() -> HeaderMap {
        signed(1, "POST", URI, token("GNAP abc"))
    }

    fn codes_at(headers: &HeaderMap, body: &[u8], now: i64) -> Vec<&'static str> {
        let request = SignedRequest { method: "POST", target_uri: URI, headers, body };
        let findings = explain(request, &keys(), Freshness::default(), Timestamp::from_millis(now));
        findings.iter().map(|finding| finding.code).collect()
    }

    fn codes(headers: &HeaderMap) -> Vec<&'static str> {
        codes_at(headers, BODY, NOW)
    }

    /// The right headers, with a text in one of them replaced.
    fn changed(name: &'static str, from: &str, to: &str) -> HeaderMap {
        let mut headers = right();
        let text = headers[name].to_str().unwrap().replace(from, to);
        headers.insert(name, text.parse().unwrap());
        headers
    }

    fn without(name: &str) -> HeaderMap {
        let mut headers = right();
        headers.remove(name);
        headers
    }

    #[test]
    fn a_right_signature_has_no_findings() {
        assert_eq!(codes(&right()), Vec::<&str>::new());
    }

    #[test]
    fn headers_that_cannot_be_used_are_named() {
        assert_eq!(codes(&without("signature")), ["signature-missing"]);
        assert_eq!(codes(&without("signature-input")), ["input-missing"]);
        assert_eq!(codes(&changed("signature-input", "(\"@method\"", "\"@method\"")), ["input-malformed"]);
        assert_eq!(codes(&changed("signature-input", "content-type", "Content-Type")), ["component-upper-case"]);
        assert_eq!(codes(&changed("signature-input", "\"content-type\"", "\"@method\"")), ["component-repeated"]);
        assert_eq!(codes(&changed("signature-input", "\"content-type\"", "\"@status\"")), ["component-unsupported"]);
        assert_eq!(codes(&changed("signature-input", "\"@target-uri\"", "\"@path\"")), ["target-not-signed"]);
        assert_eq!(codes(&changed("signature-input", "\"@method\"", "\"@path\"")), ["method-not-signed"]);
        assert_eq!(codes(&changed("signature-input", "\"authorization\"", "\"host\"")), ["authorization-not-signed"]);
        assert_eq!(codes(&changed("signature-input", "\"content-digest\"", "\"host\"")), ["digest-not-signed"]);
        assert_eq!(codes(&without("content-type")), ["header-absent"]);
    }

    #[test]
    fn a_body_that_differs_from_its_headers_is_named() {
        assert_eq!(codes(&changed("content-length", "7", "8")), ["length-differs"]);
        assert_eq!(codes(&changed("content-digest", ":", "")), ["digest-malformed"]);
        assert_eq!(codes(&changed("content-digest", "sha-512", "md5")), ["digest-algorithm"]);
        assert_eq!(codes_at(&right(), br#"{"a":2}"#, NOW), ["digest-differs"]);
    }

    #[test]
    fn a_key_that_is_not_the_clients_is_named() {
        assert_eq!(codes(&changed("signature-input", ";keyid=\"k1\"", "")), ["key-id-missing"]);
        assert_eq!(codes(&changed("signature-input", "keyid=\"k1\"", "keyid=\"k9\"")), ["key-id-unknown"]);
        assert_eq!(codes(&changed("signature-input", ";keyid", ";alg=\"rsa\";keyid")), ["algorithm-differs"]);
        assert_eq!(codes(&signed(2, "POST", URI, token("GNAP abc"))), ["key-differs"]);
    }

    #[test]
    fn clocks_that_differ_are_named_beside_a_right_signature() {
        assert_eq!(codes_at(&right(), BODY, NOW + 301_000), ["too-old"]);
        assert_eq!(codes_at(&right(), BODY, NOW - 61_000), ["clock-ahead"]);
        let created = format!(";created={}", NOW / 1000);
        assert_eq!(codes(&changed("signature-input", &created, ""))[0], "created-missing");
        let millis = format!(";created={NOW}");
        assert_eq!(codes(&changed("signature-input", &created, &millis))[0], "created-in-milliseconds");
        let expired = format!("{created};expires=5");
        assert_eq!(codes(&changed("signature-input", &created, &expired))[0], "expired");
    }

    #[test]
    fn the_usual_mistakes_about_the_signed_text_are_recognised() {
        let of_target = |uri: &str| codes(&signed(1, "POST", uri, token("GNAP abc")));
        assert_eq!(of_target("http://wallet.example/payments?first=1"), ["scheme-differs"]);
        assert_eq!(of_target("https://wallet.example/payments"), ["query-not-signed"]);
        assert_eq!(of_target("https://wallet.example/payments?first=1/"), ["slash-differs"]);
        assert_eq!(of_target("/payments?first=1"), ["path-only-signed"]);
        assert_eq!(codes(&signed(1, "post", URI, token("GNAP abc"))), ["method-lower-case"]);
        assert_eq!(of_target("https://other.example/"), ["signature-differs"]);

        let mut headers = signed(1, "POST", URI, token("abc"));
        headers.insert(AUTHORIZATION, HeaderValue::from_static("GNAP abc"));
        assert_eq!(codes(&headers), ["authorization-differs"]);
        assert_eq!(codes(&changed("signature", "sig1=", "sig2=")), ["label-differs"]);
        assert_eq!(codes(&changed("signature", "sig1=:", "sig1=:AAAA")), ["signature-length"]);
    }
}
