//! `rafiki sign` and `rafiki verify` at a terminal.
//! Which mistakes are recognised is tested in `signature-advice`.

use std::path::Path;
use std::process::Command;

use http_signatures::SigningKey;
use serde_json::{Value, json};

use crate::institutions::BINARY;

/// Runs the command, and returns its exit code and what it printed.
fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let done = Command::new(BINARY).args(arguments).current_dir(folder).output().unwrap();
    (done.status.code(), String::from_utf8(done.stdout).unwrap())
}

#[test]
fn a_signature_of_a_body_is_made_and_verified_and_a_mistake_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("secret"), "of the tenant\n").unwrap();
    std::fs::write(folder.join("body"), r#"{"query": "{ whoami { id } }"}"#).unwrap();
    let shared = ["--secret-file", "secret", "--body", "body"];

    let (code, signature) = run(folder, &[["sign", "admin"].as_slice(), &shared].concat());
    assert_eq!(code, Some(0));
    let verify = |signature: &str| {
        let (code, told) =
            run(folder, &[["verify", "--json", "webhook", "--signature", signature].as_slice(), &shared].concat());
        (code, serde_json::from_str::<Value>(&told).unwrap())
    };
    assert_eq!(verify(signature.trim()), (Some(0), json!({"valid": true, "findings": []})));

    let (code, told) = verify(&signature.trim().to_uppercase());
    assert_eq!((code, &told["findings"][0]["code"]), (Some(1), &json!("time-missing")));
}

#[test]
fn a_signature_of_a_message_is_made_and_verified_and_a_mistake_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let key = SigningKey::from_seed(&[7; 32]);
    std::fs::write(folder.join("key.pem"), key.to_pem()).unwrap();
    let published = json!({"keys": [{
        "kid": "k1", "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": key.public_key().unwrap().to_base64url(),
    }]});
    std::fs::write(folder.join("jwks.json"), published.to_string()).unwrap();
    std::fs::write(folder.join("body"), r#"{"a":1}"#).unwrap();

    let sign = "sign message --method POST --url https://wallet.example/payments --body body --key key.pem --key-id k1";
    let mut arguments: Vec<&str> = sign.split(' ').collect();
    arguments.extend(["--header", "Authorization: GNAP abc"]);
    let (code, headers) = run(folder, &arguments);
    assert_eq!(code, Some(0));

    let request = format!("POST /payments HTTP/1.1\nhost: wallet.example\n{headers}\n{{\"a\":1}}\n");
    std::fs::write(folder.join("request"), request).unwrap();
    let verify = ["verify", "message", "--request", "request", "--keys", "jwks.json"];
    assert_eq!(run(folder, &verify), (Some(0), "The signature is right.\n".to_owned()));

    let (code, told) = run(folder, &[verify.as_slice(), &["--url", "http://wallet.example/payments"]].concat());
    assert_eq!(code, Some(1));
    assert!(told.starts_with("scheme-differs: "), "{told}");
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let (code, script) = run(folder.path(), &["completions", "bash"]);
    assert!(code == Some(0) && script.contains("verify") && script.contains("--secret-file"));
    assert!(script.contains("depositAssetLiquidity") && script.contains("--liquidity-threshold"), "operations, too");
    assert_eq!(run(folder.path(), &["man", "pages"]).0, Some(0));
    assert!(folder.path().join("pages/rafiki-import.1").is_file());
}
