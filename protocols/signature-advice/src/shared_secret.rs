//! The header `signature: t=<milliseconds>, v<version>=<digest>` of Admin API requests and webhooks: HMAC (RFC 2104)
//! over the canonical body (RFC 8785).
//! HTTP message signatures are in `message`.

use std::time::Duration;

use admin_signature::{Signature, SignatureError, canonical};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use clock::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::Finding;

/// A request as received, and what its receiver knows.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// The `signature` header; `None` if there is none.
    pub header: Option<&'a str>,
    /// The octets of the body.
    pub body: &'a [u8],
    /// The shared secret.
    pub secret: &'a str,
    /// The agreed version of signatures.
    pub version: u32,
    /// The receiver's time.
    pub now: Timestamp,
    /// The largest accepted difference between the signature's time and `now`.
    pub tolerance: Duration,
}

/// What is wrong with the signature; empty if nothing is.
pub fn explain(received: &Received<'_>) -> Vec<Finding> {
    let Some(header) = received.header else {
        return vec![Finding::new(
            "header-missing",
            "there is no header `signature`; send `signature: t=<milliseconds>, v1=<HMAC-SHA-256 in hex>`",
        )];
    };
    let Ok(body) = serde_json::from_slice::<Value>(received.body) else {
        return vec![Finding::new("body-not-json", "the body is not JSON, so it has no canonical form to sign")];
    };

    let canonical_body = canonical(&body);
    match Signature::parse(header, received.version) {
        Err(SignatureError::OtherVersion) => vec![Finding::new(
            "version-differs",
            format!("the receiver expects v{}; set the same SIGNATURE_VERSION on both sides", received.version),
        )],
        Err(_) => vec![misspelt(header, received.version)],
        Ok(signature) => judge(received, header, &signature, &canonical_body),
    }
}

fn judge(received: &Received<'_>, header: &str, signature: &Signature, canonical_body: &str) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        time_of(header).and_then(|time| clock_finding(received, time)).into_iter().collect();

    // The digest is examined whatever the clocks say.
    let at_any_time = Duration::MAX;
    if signature.verify(received.secret, received.now, at_any_time, canonical_body).is_err() {
        findings.push(digest_finding(received, header, canonical_body));
    }
    findings
}

fn time_of(header: &str) -> Option<i64> {
    header.strip_prefix("t=")?.split(',').next()?.trim().parse().ok()
}

/// Milliseconds since 1970 have had twelve digits or more since 1973. Seconds will have eleven at most until 5138.
const SHORTEST_MILLIS: i64 = 100_000_000_000;

fn clock_finding(received: &Received<'_>, time: i64) -> Option<Finding> {
    if (0..SHORTEST_MILLIS).contains(&time) {
        return Some(Finding::new(
            "time-in-seconds",
            format!("t={time} looks like seconds; t and the signed text need milliseconds"),
        ));
    }
    let signed_at = Timestamp::from_millis(time);
    let (behind, ahead) = (received.now.saturating_since(signed_at), signed_at.saturating_since(received.now));
    if behind > received.tolerance {
        let advice =
            format!("the signature is {} s old; sign anew for each request, and compare the clocks", behind.as_secs());
        return Some(Finding::new("too-old", advice));
    }
    if ahead > received.tolerance {
        let advice = format!("the signature is {} s in the future; set the sender's clock", ahead.as_secs());
        return Some(Finding::new("clock-ahead", advice));
    }
    None
}

/// What keeps the header from being read.
fn misspelt(header: &str, version: u32) -> Finding {
    let parts: Vec<&str> = header.split(',').map(str::trim).collect();
    let member = |name: &str| parts.iter().find_map(|part| part.strip_prefix(name)?.trim_start().strip_prefix('='));
    let Some(time) = member("t") else {
        return Finding::new("time-missing", "the header must begin with `t=<milliseconds since 1970>`");
    };
    if time.trim().parse::<i64>().is_err() {
        return Finding::new("time-not-a-number", format!("t={time} is not a whole number of milliseconds"));
    }

    let label = format!("v{version}");
    let Some(digest) = member(&label).map(str::trim) else {
        return Finding::new(
            "version-missing",
            format!("after the time, the header needs `, {label}=<digest in hex>`"),
        );
    };
    let is_hex = digest.bytes().all(|octet| octet.is_ascii_hexdigit());
    match digest.len() {
        64 if is_hex && digest.bytes().any(|octet| octet.is_ascii_uppercase()) => {
            Finding::new("digest-upper-case", "write the hex digits of the digest in lower case")
        }
        64 if is_hex => Finding::new(
            "header-spelling",
            format!("write exactly `t={}, {label}={digest}`: one comma, one blank, nothing else", time.trim()),
        ),
        128 if is_hex => {
            Finding::new("digest-other-hash", "the digest has 64 octets, as of SHA-512; use HMAC with SHA-256")
        }
        _ if decodes_to_a_digest(digest) => Finding::new("digest-in-base64", "write the digest in hex, not in base64"),
        length => {
            Finding::new("digest-length", format!("the digest has {length} characters; HMAC-SHA-256 in hex has 64"))
        }
    }
}

fn decodes_to_a_digest(text: &str) -> bool {
    let standard = STANDARD.decode(text).ok();
    let octets = standard.or_else(|| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok());
    octets.is_some_and(|octets| octets.len() == Sha256::output_size())
}

/// Finds the mistake that gives the digest of the header.
fn digest_finding(received: &Received<'_>, header: &str, canonical_body: &str) -> Finding {
    let digest = header.rsplit('=').next().unwrap_or_default();
    let time = time_of(header).unwrap_or_default();
    let raw_body = String::from_utf8_lossy(received.body);
    let is = |octets: &[u8]| hex::encode(octets) == digest;
    let keyed = |secret: &[u8], text: &str| is(&mac(secret, text));
    let secret = received.secret.as_bytes();
    let right_text = format!("{time}.{canonical_body}");

    if keyed(secret, &format!("{time}.{raw_body}")) {
        return Finding::new(
            "body-not-canonical",
            "the body was signed as it was sent; sign its canonical form (RFC 8785): members sorted, no blanks",
        );
    }
    if keyed(secret, canonical_body) || keyed(secret, &raw_body) {
        return Finding::new("time-not-signed", "the body alone was signed; sign `<t>.<canonical body>`");
    }
    if keyed(secret, &format!("{time}{canonical_body}")) {
        return Finding::new(
            "separator-missing",
            "put a full stop between the time and the body: `<t>.<canonical body>`",
        );
    }
    if keyed(secret, &format!("{}.{canonical_body}", time / 1000)) {
        return Finding::new("seconds-signed", "the signed text has seconds; it needs the milliseconds of t");
    }
    if keyed(format!("{}\n", received.secret).as_bytes(), &right_text)
        || keyed(received.secret.trim().as_bytes(), &right_text)
    {
        return Finding::new(
            "secret-with-blanks",
            "one side has a blank or a line break at the end of the secret; compare them octet by octet",
        );
    }
    if decoded(received.secret).iter().any(|secret| keyed(secret, &right_text)) {
        return Finding::new("secret-decoded", "the secret was decoded; use its text as it is, as the HMAC key");
    }
    let unkeyed =
        [format!("{}{right_text}", received.secret), right_text.clone(), format!("{right_text}{}", received.secret)];
    if unkeyed.iter().any(|text| is(&Sha256::digest(text.as_bytes()))) {
        return Finding::new("not-an-hmac", "the digest is plain SHA-256; use HMAC-SHA-256 with the secret as its key");
    }
    if keyed(b"", &right_text) {
        return Finding::new(
            "secret-empty",
            "the digest was made with an empty secret; the sender's setting is missing",
        );
    }
    Finding::new(
        "secret-or-body-differs",
        format!(
            "no usual mistake gives this digest: the secret differs, or the body was changed on the way. The receiver \
             signs these octets: {}",
            right_text.chars().take(LONGEST_TEXT).collect::<String>()
        ),
    )
}

/// The most characters of the signed text that are shown.
const LONGEST_TEXT: usize = 400;

/// What the secret may have been decoded to.
fn decoded(secret: &str) -> Vec<Vec<u8>> {
    let base64 = STANDARD.decode(secret).ok();
    let url_safe = URL_SAFE_NO_PAD.decode(secret.trim_end_matches('=')).ok();
    [base64, url_safe, hex::decode(secret).ok()].into_iter().flatten().collect()
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
fn mac(secret: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("a key of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use admin_signature::sign;

    use super::*;

    const NOW: i64 = 1_767_225_600_000;
    const SECRET: &str = "c2VjcmV0IG9mIGEgdGVuYW50";
    const BODY: &[u8] = br#"{"query": "{whoami{id}}", "a": 1}"#;

    fn codes_at(header: Option<&str>, body: &[u8], now: i64) -> Vec<&'static str> {
        let received = Received {
            header,
            body,
            secret: SECRET,
            version: 1,
            now: Timestamp::from_millis(now),
            tolerance: Duration::from_secs(30),
        };
        explain(&received).iter().map(|finding| finding.code).collect()
    }

    fn codes(header: &str) -> Vec<&'static str> {
        codes_at(Some(header), BODY, NOW)
    }

    fn canonical_body() -> String {
        canonical(&serde_json::from_slice(BODY).unwrap())
    }

    fn header_of(digest: &[u8]) -> String {
        format!("t={NOW}, v1={}", hex::encode(digest))
    }

    #[test]
    fn a_right_signature_has_no_findings() {
        let header = sign(SECRET, 1, Timestamp::from_millis(NOW), &canonical_body());
        assert_eq!(codes(&header), Vec::<&str>::new());
    }

    #[test]
    fn a_header_that_cannot_be_read_is_told_why() {
        let digest = "ab".repeat(32);
        let base64 = STANDARD.encode([7; 32]);
        assert_eq!(codes_at(None, BODY, NOW), ["header-missing"]);
        assert_eq!(codes(&format!("v1={digest}")), ["time-missing"]);
        assert_eq!(codes(&format!("t=now, v1={digest}")), ["time-not-a-number"]);
        assert_eq!(codes(&format!("t={NOW}")), ["version-missing"]);
        assert_eq!(codes(&format!("t={NOW}, v2={digest}")), ["version-differs"]);
        assert_eq!(codes(&format!("t={NOW},v1={digest}")), ["header-spelling"]);
        assert_eq!(codes(&format!("t={NOW}, v1={}", digest.to_uppercase())), ["digest-upper-case"]);
        assert_eq!(codes(&format!("t={NOW}, v1={digest}{digest}")), ["digest-other-hash"]);
        assert_eq!(codes(&format!("t={NOW}, v1={base64}")), ["digest-in-base64"]);
        assert_eq!(codes(&format!("t={NOW}, v1=abc")), ["digest-length"]);
        assert_eq!(codes_at(Some("t=1, v1=ab"), b"not json", NOW), ["body-not-json"]);
    }

    #[test]
    fn clocks_that_differ_are_named_beside_a_right_digest() {
        let header = sign(SECRET, 1, Timestamp::from_millis(NOW), &canonical_body());
        assert_eq!(codes_at(Some(&header), BODY, NOW + 31_000), ["too-old"]);
        assert_eq!(codes_at(Some(&header), BODY, NOW - 31_000), ["clock-ahead"]);
        let seconds = sign(SECRET, 1, Timestamp::from_millis(NOW / 1000), &canonical_body());
        assert_eq!(codes(&seconds), ["time-in-seconds"]);
    }

    #[test]
    fn the_usual_mistakes_about_the_digest_are_recognised() {
        let secret = SECRET.as_bytes();
        let body = canonical_body();
        let text = format!("{NOW}.{body}");
        let raw = String::from_utf8(BODY.to_vec()).unwrap();
        let cases = [
            ("body-not-canonical", mac(secret, &format!("{NOW}.{raw}"))),
            ("time-not-signed", mac(secret, &body)),
            ("separator-missing", mac(secret, &format!("{NOW}{body}"))),
            ("seconds-signed", mac(secret, &format!("{}.{body}", NOW / 1000))),
            ("secret-with-blanks", mac(format!("{SECRET}\n").as_bytes(), &text)),
            ("secret-decoded", mac(&STANDARD.decode(SECRET).unwrap(), &text)),
            ("not-an-hmac", Sha256::digest(text.as_bytes()).to_vec()),
            ("secret-empty", mac(b"", &text)),
            ("secret-or-body-differs", mac(b"another secret", &text)),
        ];
        for (code, digest) in cases {
            assert_eq!(codes(&header_of(&digest)), [code]);
        }
    }
}
