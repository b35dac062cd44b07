//! The published vectors of Web Authentication Level 3: what they are for is in `tests/vectors/README.md`.
//!
//! Answers that have to be refused are in `refused_tests`.

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::cbor::{self, Map};
use super::cose_key::PublicKey;
use super::*;

#[derive(Deserialize)]
struct Vector {
    name: String,
    registration: Registration,
    authentication: Authentication,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Registration {
    challenge: String,
    client_data: String,
    attestation: String,
    verdict: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Authentication {
    challenge: String,
    client_data: String,
    authenticator_data: String,
    signature: String,
    verdict: String,
}

fn octets(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

fn vectors() -> (RelyingParty, Vec<Vector>) {
    let site = RelyingParty::of(&"https://example.org/".parse().unwrap()).unwrap();
    (site, serde_json::from_str(include_str!("../../tests/vectors/webauthn.json")).unwrap())
}

fn verdict<T>(result: Result<T, Refusal>) -> String {
    result.map_or_else(|refusal| format!("{refusal:?}"), |_| "accepted".to_owned())
}

/// The key in a registration, whether that is accepted or not, and what it says about copies.
fn key_of(registration: &Registration) -> (Vec<u8>, Backup) {
    let attestation = octets(&registration.attestation);
    let (attestation, _) = cbor::item(&attestation).unwrap();
    let data = Map::of(attestation).unwrap().octets("authData").unwrap().to_vec();
    let length = usize::from(u16::from_be_bytes([data[53], data[54]]));
    let backup = match data[32] & 0x18 {
        0 => Backup::OneDevice,
        8 => Backup::NotYet,
        _ => Backup::Copied,
    };
    (data[55 + length..].to_vec(), backup)
}

#[test]
fn published_registrations_are_judged_by_our_rules() {
    let (site, vectors) = vectors();
    for Vector { name, registration, .. } in &vectors {
        let answer =
            Created { client_data: octets(&registration.client_data), attestation: octets(&registration.attestation) };
        let challenge = written(&octets(&registration.challenge));
        assert_eq!(verdict(verify_registration(&site, &challenge, &answer)), registration.verdict, "{name}");
    }
    assert_eq!(vectors.len(), 8);
}

#[test]
fn published_authentications_are_judged_by_our_rules() {
    let (site, vectors) = vectors();
    for Vector { name, registration, authentication } in &vectors {
        let (public_key, backup) = key_of(registration);
        let known = Known { public_key, counter: 0, backup, user_handle: Vec::new() };
        let answer = Answer {
            credential: Vec::new(),
            client_data: octets(&authentication.client_data),
            authenticator_data: octets(&authentication.authenticator_data),
            signature: octets(&authentication.signature),
            user_handle: Vec::new(),
        };
        let challenge = written(&octets(&authentication.challenge));
        let judged = verify_assertion(&site, &challenge, &known, Whose::OfSomebodyKnown, &answer);
        assert_eq!(verdict(judged), authentication.verdict, "{name}");
    }
}

#[test]
fn every_published_signature_of_each_kind_of_key_is_verified_and_a_changed_one_is_not() {
    let mut kinds = std::collections::BTreeSet::new();
    for Vector { name, registration, authentication } in vectors().1 {
        let key = PublicKey::read(&key_of(&registration).0).unwrap();
        let hash = Sha256::digest(octets(&authentication.client_data));
        let mut message = [&octets(&authentication.authenticator_data)[..], &hash[..]].concat();
        let signature = octets(&authentication.signature);
        assert!(key.has_signed(&message, &signature), "{name}");
        message[36] ^= 1;
        assert!(!key.has_signed(&message, &signature), "{name}");
        kinds.insert(key.algorithm());
    }
    assert_eq!(kinds, ALGORITHMS.into());
}
