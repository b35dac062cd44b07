//! `rafiki sign` and `rafiki verify`: signatures at a terminal, for developers of clients and wallets.
//! They call no server. What is wrong with a signature is found by `signature-advice`.

pub(crate) mod options;
mod request;

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use clock::{Clock as _, SystemClock, Timestamp};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_signatures::{Freshness, Jwk, SignedRequest, Signer, SigningKey};
use serde_json::{Value, json};
use signature_advice::{Finding, message, shared_secret};

use crate::failure::Failure;
use crate::output::say;
use options::{SharedSecret, Sign, SignMessage, SignOptions, Verify, VerifyBody, VerifyMessage, VerifyOptions};
use request::RawRequest;

/// How far a client's clock may be ahead.
const CLOCK_SKEW: Duration = Duration::from_mins(1);

pub(crate) fn sign(options: &SignOptions) -> Result<(), Failure> {
    match &options.what {
        Sign::Admin(body) | Sign::Webhook(body) => {
            let shared = &body.shared;
            let body = read(&shared.body)?;
            let value: Value = serde_json::from_slice(&body)
                .map_err(|error| Failure::Check(format!("{} is not JSON: {error}", shared.body.display())))?;
            let canonical = admin_signature::canonical(&value);
            let now = instant(shared.at);
            say(&format!("{}\n", admin_signature::sign(&secret(shared)?, shared.signature_version, now, &canonical)));
            Ok(())
        }
        Sign::Message(options) => sign_message(options),
    }
}

pub(crate) fn verify(options: &VerifyOptions) -> Result<(), Failure> {
    let findings = match &options.what {
        Verify::Admin(body) | Verify::Webhook(body) => verify_body(body)?,
        Verify::Message(message) => verify_message(message)?,
    };
    report(&findings, options.json)
}

fn report(findings: &[Finding], as_json: bool) -> Result<(), Failure> {
    if as_json {
        let list: Vec<Value> =
            findings.iter().map(|finding| json!({"code": finding.code, "advice": finding.advice})).collect();
        say(&format!("{}\n", json!({"valid": findings.is_empty(), "findings": list})));
    } else {
        for finding in findings {
            say(&format!("{finding}\n"));
        }
    }
    if findings.is_empty() {
        if !as_json {
            say("The signature is right.\n");
        }
        return Ok(());
    }
    Err(Failure::Check("the signature is not accepted".to_owned()))
}

fn verify_body(options: &VerifyBody) -> Result<Vec<Finding>, Failure> {
    let shared = &options.shared;
    let (body, secret) = (read(&shared.body)?, secret(shared)?);
    let received = shared_secret::Received {
        header: options.signature.as_deref(),
        body: &body,
        secret: &secret,
        version: shared.signature_version,
        now: instant(shared.at),
        tolerance: Duration::from_secs(options.tolerance.into()),
    };
    Ok(shared_secret::explain(&received))
}

fn verify_message(options: &VerifyMessage) -> Result<Vec<Finding>, Failure> {
    let octets = read(&options.request)?;
    let request = RawRequest::parse(&octets, options.url.as_deref())
        .map_err(|reason| Failure::Check(format!("{} cannot be read: {reason}", options.request.display())))?;
    let freshness = Freshness { max_age: Duration::from_secs(options.max_age.into()), clock_skew: CLOCK_SKEW };
    let signed = SignedRequest {
        method: &request.method,
        target_uri: &request.target_uri,
        headers: &request.headers,
        body: &request.body,
    };
    Ok(message::explain(signed, &keys(&options.keys)?, freshness, instant(options.at)))
}

fn sign_message(options: &SignMessage) -> Result<(), Failure> {
    let key = SigningKey::from_text(&read_text(&options.key)?)
        .map_err(|error| Failure::Check(format!("{}: {error}", options.key.display())))?;
    let signer = Signer::new(key, &options.key_id).map_err(|error| Failure::Check(error.to_string()))?;
    let body = options.body.as_deref().map(read).transpose()?.unwrap_or_default();
    let mut headers = HeaderMap::new();
    for header in &options.header {
        let (name, value) = header_of(header)?;
        headers.append(name, value);
    }

    let method = options.method.to_ascii_uppercase();
    let signed = signer.sign(&method, options.url.as_str(), &mut headers, &body, instant(options.at));
    signed.map_err(|error| Failure::Check(error.to_string()))?;
    for (name, value) in &headers {
        say(&format!("{name}: {}\n", value.to_str().unwrap_or_default()));
    }
    Ok(())
}

fn header_of(line: &str) -> Result<(HeaderName, HeaderValue), Failure> {
    let wrong = || Failure::Check(format!("--header {line:?} is not a header; write 'Name: value'"));
    let (name, value) = line.split_once(':').ok_or_else(wrong)?;
    let name = name.trim().parse().map_err(|_| wrong())?;
    Ok((name, HeaderValue::from_str(value.trim()).map_err(|_| wrong())?))
}

/// The keys of a JWK set, or one key.
fn keys(file: &Path) -> Result<Vec<Jwk>, Failure> {
    let text = read_text(file)?;
    let wrong = |error: serde_json::Error| Failure::Check(format!("{} has no usable keys: {error}", file.display()));
    let value: Value = serde_json::from_str(&text).map_err(wrong)?;
    match value.get("keys").and_then(Value::as_array) {
        // Keys of other kinds are published beside ours, and are no mistake.
        Some(keys) => Ok(keys.iter().filter_map(|key| serde_json::from_value(key.clone()).ok()).collect()),
        None => Ok(vec![serde_json::from_value(value).map_err(wrong)?]),
    }
}

fn secret(shared: &SharedSecret) -> Result<String, Failure> {
    secret_in(&shared.secret_file)
}

/// The secret in a file. A line break at its end does not count.
pub(crate) fn secret_in(file: &Path) -> Result<String, Failure> {
    let text = read_text(file)?;
    let line = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    Ok(line.to_owned())
}

fn instant(at: Option<jiff::Timestamp>) -> Timestamp {
    at.map_or_else(|| SystemClock.now(), Timestamp::from_jiff)
}

fn read_text(file: &Path) -> Result<String, Failure> {
    String::from_utf8(read(file)?).map_err(|_| Failure::Check(format!("{} is not text", file.display())))
}

/// The content of a file; `-` is standard input.
fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error| Failure::io(format!("cannot read {}", file.display()), error);
    if file == Path::new("-") {
        let mut octets = Vec::new();
        std::io::stdin().read_to_end(&mut octets).map_err(failed)?;
        return Ok(octets);
    }
    std::fs::read(file).map_err(failed)
}
