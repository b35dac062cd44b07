//! The profile against values published by other implementations.
//! Cases of our own are in the files beside it.
#![expect(clippy::unwrap_used, reason = "a test that cannot read its data has failed")]

use clock::Timestamp;
use gnap::RepeatingInterval;
use gnap::hash::{InteractionHash, grant_endpoint};
use gnap::redirect::set_query;
use serde_json::Value;
use url::Url;

fn vectors(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn text<'a>(of: &'a Value, member: &str) -> &'a str {
    of[member].as_str().unwrap()
}

#[test]
fn interaction_hashes_and_redirects_equal_those_of_deployed_servers() {
    let file = vectors(include_str!("vectors/gnap-interaction-hash.json"));
    let cases = file["approved"].as_array().unwrap();
    assert_eq!(cases.len(), 10);
    for case in cases {
        let endpoint = grant_endpoint(text(case, "authServerUrl"), text(case, "tenantId"));
        assert_eq!(endpoint, text(case, "grantRequestUrl"));
        let hash = InteractionHash {
            client_nonce: text(case, "clientNonce"),
            interact_nonce: text(case, "interactNonce"),
            interact_ref: text(case, "interactRef"),
            grant_endpoint: &endpoint,
        }
        .compute();
        assert_eq!(hash, text(case, "hash"), "{}", case["id"]);
        let finish = Url::parse(text(case, "finishUri")).unwrap();
        let location = set_query(&finish, &[("hash", &hash), ("interact_ref", text(case, "interactRef"))]);
        assert_eq!(location.as_str(), text(case, "location"), "{}", case["id"]);
    }
}

#[test]
fn the_example_of_rfc_9635_is_hashed_as_deployed_servers_hash_it() {
    let file = vectors(include_str!("vectors/gnap-interaction-hash.json"));
    let example = &file["rfc9635Example"];
    let mut lines = text(example, "hashInput").split('\n');
    let mut line = || lines.next().unwrap();
    let (client_nonce, interact_nonce, interact_ref) = (line(), line(), line());
    let hash = InteractionHash { client_nonce, interact_nonce, interact_ref, grant_endpoint: line() }.compute();
    assert_eq!(hash, text(example, "deployedProfileHash"));
    // The same digest in the alphabet of the RFC.
    let rfc = hash.replace('+', "-").replace('/', "_");
    assert_eq!(rfc.trim_end_matches('='), text(example, "rfcHash"));
}

#[test]
fn refusals_are_put_on_the_finish_url() {
    let file = vectors(include_str!("vectors/gnap-interaction-hash.json"));
    assert_eq!(file["otherOutcomes"].as_array().unwrap().len(), 6);
    for case in file["otherOutcomes"].as_array().unwrap() {
        let location = Url::parse(text(case, "location")).unwrap();
        let told: Vec<(String, String)> =
            location.query_pairs().into_owned().filter(|(name, _)| name == "result" || name == "message").collect();
        let told: Vec<(&str, &str)> = told.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let finish = Url::parse(text(case, "finishUri")).unwrap();
        assert_eq!(set_query(&finish, &told), location, "{}", case["id"]);
    }
    assert_eq!(file["startRedirects"].as_array().unwrap().len(), 1);
    for case in file["startRedirects"].as_array().unwrap() {
        let redirect = Url::parse(text(case, "interactRedirectInGrantResponse")).unwrap();
        let mut parts = redirect.path_segments().unwrap().skip(1);
        let parameters = [
            ("interactId", parts.next().unwrap()),
            ("nonce", parts.next().unwrap()),
            ("clientName", text(case, "clientName")),
            ("clientUri", text(case, "clientUri")),
        ];
        let consent = Url::parse(text(case, "idpConsentUrl")).unwrap();
        assert_eq!(set_query(&consent, &parameters).as_str(), text(case, "locationSentByStart"));
        let bare = Url::parse(redirect.as_str().split('?').next().unwrap()).unwrap();
        assert_eq!(set_query(&bare, &parameters[2..]), redirect);
    }
}

#[test]
fn repetitions_are_found_where_the_reference_finds_them() {
    let file = vectors(include_str!("vectors/grant-intervals.json"));
    let cases = file["vectors"].as_array().unwrap();
    assert_eq!(cases.len(), 31);
    for case in cases {
        let interval = text(case, "interval").parse::<RepeatingInterval>();
        let at: Timestamp = text(case, "at").parse().unwrap();
        let found = interval.as_ref().ok().and_then(|interval| interval.window_at(at));
        match text(case, "result") {
            "interval" => {
                let window = found.unwrap_or_else(|| panic!("{case} is inside"));
                assert_eq!(window.start.to_string(), text(case, "start"), "{case}");
                assert_eq!(window.end.to_string(), text(case, "end"), "{case}");
            }
            "none" => assert_eq!(found, None, "{case}"),
            "error" => assert!(interval.is_err(), "{case}"),
            _ if text(case, "interval").ends_with("PT0S") => assert!(interval.is_err(), "{case}"),
            _ => assert_eq!(found.map(|window| window.start), Some(at), "{case}"),
        }
    }
}
