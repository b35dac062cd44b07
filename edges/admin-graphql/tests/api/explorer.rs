//! The page for developers: where it is served, and that its signed requests are accepted.
//! Signatures in general are tested in `gate`.

use std::process::Command;

use admin_graphql::{AdminApiSettings, Explorer};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use clock::Clock;
use serde_json::json;
use testkit::{TestDatabase, block_on};
use tower::ServiceExt;

use super::bench::{Bench, OPERATOR, api_with, request};

const SCRIPT: &str = include_str!("../../src/explorer/explorer.js");

fn get(path: &str) -> Request<Body> {
    Request::get(path).header("origin", "https://elsewhere.example").body(Body::empty()).unwrap()
}

#[test]
fn the_page_is_offered_in_development_only_loads_nothing_from_elsewhere_and_is_for_no_other_origin() {
    block_on(async {
        let bench = Bench::open(TestDatabase::sqlite().await).await;
        assert_eq!(bench.send(get("/explorer")).await.0, StatusCode::NOT_FOUND);

        let settings = AdminApiSettings { explorer: Explorer::Offered, ..AdminApiSettings::new(OPERATOR) };
        let api = api_with(&bench.institution, settings);
        for path in ["/explorer", "/explorer/explorer.js", "/explorer/explorer.css"] {
            let answer = api.clone().oneshot(get(path)).await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            let headers = answer.headers();
            assert_eq!(headers.get("access-control-allow-origin"), None, "{path}");
            let policy = headers["content-security-policy"].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
            let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
            let text = String::from_utf8(body.to_vec()).unwrap();
            assert!(!text.contains("http://") && !text.contains("https://") && !text.contains("innerHTML"), "{path}");
        }
    });
}

/// The page's own functions sign a request, if this machine has a JavaScript engine.
#[test]
fn what_the_page_signs_is_accepted() {
    let functions = SCRIPT.split("async function ask(").next().unwrap().replace("'use strict'", "");
    let program = format!(
        "const document = {{ getElementById: () => ({{ value: process.argv[1] }}) }};\n{functions}\n\
         Date.now = () => Number(process.argv[2]);\n\
         const body = canonical({{ variables: {{ b: ['č', null, 1.5], a: {{}} }}, query: '{{ whoami {{ id }} }}' }});\n\
         signature(body).then((signed) => console.log(JSON.stringify([body, signed])));"
    );
    block_on(async {
        let bench = Bench::open(TestDatabase::sqlite().await).await;
        let now = bench.clock.now().as_millis().to_string();
        let ran = Command::new("node").args(["-e", &program, &format!("secret of {OPERATOR}"), &now]).output();
        let Ok(ran) = ran else {
            eprintln!("skipped: there is no node on this machine");
            return;
        };
        let told = String::from_utf8_lossy(&ran.stderr);
        let [body, signed]: [String; 2] = serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{told}"));
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        let (status, answer) = bench.send(request(OPERATOR, &signed, &body)).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert!(answer.contains(&json!({ "id": OPERATOR }).to_string()), "{answer}");
    });
}
