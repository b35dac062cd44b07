//! `rafiki conformance`: our own server passes every case, and a server with faults is found out.
//!
//! The faulty servers are our own behind a proxy that changes answers.

use std::process::{Command, Stdio};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, Method, StatusCode};
use outbound_http::{Outbound, Request as Call};
use serde_json::{Value, json};
use url::Url;

use crate::asking::outbound;
use crate::institutions::{BINARY, Institutions, Run, Side, Storage, rafiki, run};

#[test]
fn ours_passes_every_case_at_either_institution() {
    let two = Institutions::start(Storage::Sqlite).unwrap();
    for side in ["cloud", "happy"] {
        let report = two.rafiki("conformance", &["--at", side, "--json"]);
        let differ: Vec<&Value> =
            report.json["cases"].as_array().unwrap().iter().filter(|case| case["verdict"] != "passed").collect();
        assert!(differ.is_empty(), "{side}: {}", serde_json::to_string_pretty(&differ).unwrap());
        assert_eq!(report.code, Some(0), "{}", report.stderr);
        assert_eq!(
            report.json["passed"],
            json!(rafiki(&["conformance", "--list", "--json"]).json["cases"].as_array().unwrap().len())
        );
    }
}

/// What an answer looks like on its way through the proxy.
struct Passing {
    method: Method,
    path: String,
    asked: HeaderMap,
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Passing {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    fn with_json(&mut self, change: impl FnOnce(&mut Value)) {
        let mut body = self.json();
        if !body.is_null() {
            change(&mut body);
            self.body = body.to_string().into_bytes();
        }
    }

    fn is_wallet_address(&self) -> bool {
        self.json().get("authServer").is_some() && self.json().get("assetCode").is_some()
    }

    fn is_signed(&self) -> bool {
        self.asked.contains_key("signature")
    }
}

/// A fault: its name, the cases of which at least one must find it, and what it does.
type Fault = (&'static str, &'static [&'static str], fn(&mut Passing));

const FAULTS: &[Fault] = &[
    ("a wallet address without its authorization server", &["wallet-address"], |passing| {
        if passing.is_wallet_address() {
            passing.with_json(|body| drop(body.as_object_mut().unwrap().remove("authServer")));
        }
    }),
    ("an asset scale that is a text", &["wallet-address"], |passing| {
        if passing.is_wallet_address() {
            passing.with_json(|body| body["assetScale"] = json!("2"));
        }
    }),
    ("an unknown wallet address that is answered with 200", &["unknown-wallet-address"], |passing| {
        if passing.path.contains("-conformance-") && passing.method == Method::GET {
            (passing.status, passing.body) = (StatusCode::OK, b"{}".to_vec());
        }
    }),
    ("a key without its algorithm", &["keys"], |passing| {
        if passing.path.ends_with("/jwks.json") {
            passing.with_json(|body| {
                if let Some(key) = body.pointer_mut("/keys/0").and_then(Value::as_object_mut) {
                    key.remove("alg");
                }
            });
        }
    }),
    (
        "an authorization server that believes wrong signatures",
        &["signature-other-key", "signature-other-body"],
        |passing| {
            let is_grant = passing.method == Method::POST && !passing.path.contains("payments");
            if is_grant && passing.is_signed() && passing.status == StatusCode::UNAUTHORIZED {
                passing.status = StatusCode::OK;
            }
        },
    ),
    ("a grant request without a signature that is accepted", &["grant-unsigned"], |passing| {
        if passing.method == Method::POST && !passing.is_signed() && passing.status.is_client_error() {
            passing.status = StatusCode::OK;
        }
    }),
    ("a grant without a continuation", &["grant"], |passing| {
        passing.with_json(|body| {
            if body.get("access_token").is_some() {
                body.as_object_mut().unwrap().remove("continue");
            }
        });
    }),
    ("a 401 that names no authorization server", &["create-without-token"], |passing| {
        passing.headers.remove("www-authenticate");
    }),
    ("a public view that shows how to pay", &["read-in-public"], |passing| {
        if !passing.is_signed() {
            passing.with_json(|body| {
                if body.get("receivedAmount").is_some() {
                    body["methods"] = json!([{"type": "ilp", "ilpAddress": "test.a", "sharedSecret": "x"}]);
                }
            });
        }
    }),
    ("a negative amount that is accepted", &["create-with-negative-amount"], |passing| {
        if passing.path.ends_with("/incoming-payments") && passing.status == StatusCode::BAD_REQUEST {
            passing.status = StatusCode::CREATED;
        }
    }),
    ("a shared secret that is too short", &["spsp"], |passing| {
        passing.with_json(|body| {
            if body.get("shared_secret").is_some() {
                body["shared_secret"] = json!("AAECAw");
            }
        });
    }),
    ("a revocation that is answered with 200", &["revoke", "cancel"], |passing| {
        if passing.method == Method::DELETE {
            passing.status = StatusCode::OK;
        }
    }),
    ("a hash that another request would have", &["consent"], |passing| {
        let location = passing.headers.get("location").and_then(|value| value.to_str().ok()).unwrap_or_default();
        if let Some((start, rest)) = location.split_once("hash=") {
            let changed = format!("{start}hash=A{}", &rest[1..]);
            passing.headers.insert("location", changed.parse().unwrap());
        }
    }),
    ("a grant whose limits are forgotten", &["pay-beyond-limit"], |passing| {
        let pays = passing.method == Method::POST && passing.path.ends_with("/outgoing-payments");
        if pays && passing.status == StatusCode::FORBIDDEN {
            passing.status = StatusCode::CREATED;
        }
    }),
    ("a quote that is paid again", &["quote-twice"], |passing| {
        let pays = passing.method == Method::POST && passing.path.ends_with("/outgoing-payments");
        if pays && passing.status.is_client_error() {
            passing.status = StatusCode::CREATED;
        }
    }),
    ("a token for incoming payments that shows what is paid", &["read-outgoing-with-other-token"], |passing| {
        if passing.path.contains("/outgoing-payments/") && passing.method == Method::GET {
            passing.status = StatusCode::OK;
        }
    }),
    ("a signature that counts only if it is alone", &["signature-in-two-lines"], |passing| {
        if passing.asked.get_all("signature-input").iter().count() > 1 {
            passing.status = StatusCode::UNAUTHORIZED;
        }
    }),
    ("a fulfillment that does not fit", &["fulfillable"], |passing| {
        // A fulfill is packet type 13; its fulfillment follows the length.
        if passing.body.first() == Some(&13) && passing.body.len() > 40 {
            passing.body[10] ^= 1;
        }
    }),
    ("a connector that takes packets without a token", &["packet-without-token"], |passing| {
        let octets = passing.asked.get("content-type").is_some_and(|kind| kind == "application/octet-stream");
        if octets && !passing.asked.contains_key("authorization") {
            passing.status = StatusCode::OK;
        }
    }),
];

#[derive(Clone)]
struct Proxy {
    fault: fn(&mut Passing),
    http: Outbound,
}

async fn pass(State(proxy): State<Arc<Proxy>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let host = parts.headers["host"].to_str().unwrap().to_owned();
    let url = Url::parse(&format!("http://{host}{}", parts.uri)).unwrap();
    let mut call = Call::new(parts.method.clone(), url).configured().body(body);
    call.headers = parts.headers.clone();
    for name in ["host", "content-length", "connection"] {
        call.headers.remove(name);
    }
    let answer = proxy.http.send(call).await.unwrap();
    let mut passing = Passing {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        asked: parts.headers,
        status: answer.status,
        headers: answer.headers,
        body: answer.body.to_vec(),
    };
    (proxy.fault)(&mut passing);
    let mut response = Response::new(Body::from(passing.body));
    *response.status_mut() = passing.status;
    passing.headers.remove("content-length");
    passing.headers.remove("transfer-encoding");
    *response.headers_mut() = passing.headers;
    response
}

/// Starts a proxy with a fault, and returns its URL.
async fn proxy(fault: fn(&mut Passing)) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(pass).with_state(Arc::new(Proxy { fault, http: outbound() }));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

/// What the kit says about two new institutions with each of these faults. All runs are made at once, because each waits as
/// long as the server wants clients to wait. A server refuses an address after many wrong requests, so they are few.
fn reports(faults: &[Fault]) -> Vec<Run> {
    let two = Institutions::start(Storage::Sqlite).unwrap();
    let facts = two.facts(Side::CloudNine);
    let origins = ["openPaymentsUrl", "authUrl", "connectorUrl"].map(|name| {
        let url = Url::parse(facts[name].as_str().unwrap()).unwrap();
        url.origin().ascii_serialization()
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let report = |fault: fn(&mut Passing)| {
        let proxy = runtime.block_on(proxy(fault));
        let mut command = Command::new(BINARY);
        command.args(["conformance", "--at", "cloud", "--json", "--data-dir"]).arg(two.data_dir());
        for origin in &origins {
            command.args(["--reach", &format!("{origin}={proxy}")]);
        }
        run(command.stdin(Stdio::null()))
    };
    let report = &report;
    std::thread::scope(|scope| {
        let runs: Vec<_> = faults.iter().map(|(.., fault)| scope.spawn(move || report(*fault))).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    })
}

#[test]
fn each_planted_fault_is_found_and_nothing_is_found_without_one() {
    let sound = reports(&[("none", &[], |_| {})]).remove(0);
    assert_eq!(sound.code, Some(0), "{}{}", sound.stdout, sound.stderr);
    let told = FAULTS.chunks(5).flat_map(reports);
    for ((name, cases, _), told) in FAULTS.iter().zip(told) {
        let all = told.json["cases"].as_array().unwrap();
        let differ: Vec<&str> =
            all.iter().filter(|case| case["verdict"] == "differs").map(|case| case["id"].as_str().unwrap()).collect();
        assert_eq!(told.code, Some(1), "{name}: {}", told.stderr);
        assert!(cases.iter().any(|case| differ.contains(case)), "{name} is not found: {differ:?}");
        let found = all.iter().find(|case| differ.contains(&case["id"].as_str().unwrap())).unwrap();
        assert!(
            found["reproducer"].as_str().unwrap().starts_with("curl -i")
                || found["reproducer"].as_str().unwrap().starts_with("echo ")
        );
        assert!(found["source"].as_str().unwrap().starts_with("https://"), "{found}");
    }
}

#[test]
fn a_server_that_is_not_there_and_wrong_options_have_codes_of_their_own() {
    let nobody = rafiki(&["conformance", "--target", "http://127.0.0.1:1/alice"]);
    assert_eq!(nobody.code, Some(5), "{}", nobody.stderr);
    let nowhere = rafiki(&["conformance", "--data-dir", "/nonexistent"]);
    assert!(nowhere.code == Some(3) && nowhere.stderr.contains("--target"), "{}", nowhere.stderr);
    for wrong in [
        &["--target", "not a url"][..],
        &["--target", "http://127.0.0.1:1/a", "--client", "http://127.0.0.1:1/b"],
        &["--target", "http://127.0.0.1:1/a", "--connector", "http://127.0.0.1:1/"],
        &["--area", "everything"],
        &["--reach", "here"],
    ] {
        let refused = rafiki(&[&["conformance"], wrong].concat());
        assert_eq!(refused.code, Some(2), "{wrong:?}: {}", refused.stderr);
    }
}
