//! Refusals of every listener that come before all other checks.
//! Refusals of one operation are in its own file.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_signatures::SigningKey;
use testkit::on_each_database;

use crate::harness::{OPERATOR, ROTATED, Server, call, incoming, refused};

fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
}

/// Every signed route, with a plausible target.
fn signed_routes() -> [(&'static str, String); 5] {
    let id = "4ba23a9f-94c6-4f8d-9388-8b03b19e3155";
    [
        ("POST", format!("/{OPERATOR}")),
        ("POST", format!("/continue/{id}")),
        ("DELETE", format!("/continue/{id}")),
        ("POST", format!("/token/{id}")),
        ("DELETE", format!("/token/{id}")),
    ]
}

on_each_database! {
    async fn unsigned_requests_are_refused_everywhere(database) {
        let server = Server::on(database).await;
        for (method, path) in signed_routes() {
            let body = if path == format!("/{OPERATOR}") { incoming().to_string() } else { String::new() };
            let mut sent = headers(&[(CONTENT_TYPE, "application/json")]);
            sent.insert("authorization", HeaderValue::from_static("GNAP x"));
            let answer = call(&server.routers.auth, method, &path, sent, body).await;
            assert_eq!(answer.refusal(), refused(401, "invalid_client", "invalid signature headers"), "{method} {path}");
        }
    }

    async fn a_signature_over_another_request_is_refused(database) {
        let server = Server::on(database).await;
        let body = incoming().to_string();
        let mut sent = HeaderMap::new();
        let url = format!("http://elsewhere.example/{OPERATOR}");
        let now = clock::Clock::now(&*server.clock);
        server.client.sign("POST", &url, &mut sent, body.as_bytes(), now).unwrap();
        let path = format!("/{OPERATOR}");
        let answer = call(&server.routers.auth, "POST", &path, sent.clone(), body).await;
        assert_eq!(answer.refusal(), refused(401, "invalid_client", "invalid signature"));
        let changed = incoming().to_string().replace("alice", "mallory");
        let answer = call(&server.routers.auth, "POST", &path, sent, changed).await;
        assert_eq!(answer.refusal(), refused(401, "invalid_client", "invalid signature headers"));
    }

    async fn a_key_replaced_under_its_name_is_accepted_at_once_and_the_old_one_is_not(database) {
        let server = Server::on(database).await;
        let mut body = incoming();
        body["client"] = serde_json::json!({"walletAddress": ROTATED});
        assert_eq!(server.request(&body).await.status, 200);
        let other = http_signatures::Signer::new(SigningKey::from_seed(&[3; 32]), "client-key").unwrap();
        let path = format!("/{OPERATOR}");
        let answer = server.signed_by(&other, "POST", &path, None, Some(&body)).await;
        assert_eq!(answer.refusal(), refused(401, "invalid_client", "invalid signature"));
    }

    async fn an_old_signature_is_refused(database) {
        let server = Server::on(database).await;
        let body = incoming().to_string();
        let mut sent = HeaderMap::new();
        let url = format!("http://auth.example/{OPERATOR}");
        let now = clock::Clock::now(&*server.clock);
        server.client.sign("POST", &url, &mut sent, body.as_bytes(), now).unwrap();
        server.wait(301);
        let answer = call(&server.routers.auth, "POST", &format!("/{OPERATOR}"), sent, body).await;
        assert_eq!(answer.refusal(), refused(401, "invalid_client", "invalid signature"));
    }

    async fn a_nonce_is_accepted_once_and_a_signature_without_nonce_may_be_repeated(database) {
        let server = Server::on(database).await;
        let (path, body) = (format!("/{OPERATOR}"), incoming().to_string());
        let url = format!("http://auth.example{path}");
        let created = clock::Clock::now(&*server.clock).as_secs();
        let request = |nonce: &str, gateway: &str| {
            let components = r#"("@method" "@target-uri" "content-digest")"#;
            let parameters = format!(r#"{components};keyid="client-key";created={created}{nonce}"#);
            let digest = http_signatures::content_digest(body.as_bytes());
            let base = format!(
                "\"@method\": POST\n\"@target-uri\": {url}\n\"content-digest\": {digest}\n\"@signature-params\": {parameters}"
            );
            let signature = STANDARD.encode(SigningKey::from_seed(&[1; 32]).sign(base.as_bytes()));
            let (input, signature) = (format!("sig1={parameters}"), format!("sig1=:{signature}:"));
            let length = body.len().to_string();
            let sent = [
                ("content-type", "application/json"),
                ("content-length", &length),
                ("content-digest", &digest),
                ("signature-input", &input),
                ("signature", &signature),
            ];
            let mut headers: HeaderMap =
                sent.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            if !gateway.is_empty() {
                headers.insert("rafiki-gateway-request", gateway.parse().unwrap());
            }
            call(&server.routers.auth, "POST", &path, headers, body.clone())
        };
        for _ in 0..2 {
            assert_eq!(request("", "").await.status, 200);
        }
        assert_eq!(request(";nonce=\"a\"", "").await.status, 200);
        let replayed = request(";nonce=\"a\"", "").await;
        assert_eq!(replayed.refusal(), refused(401, "invalid_client", "invalid signature"));
        let [sent, again] = [1, 2].map(|number| format!("{number:032}"));
        assert_eq!(request(";nonce=\"b\"", &sent).await.status, 200);
        assert_eq!(request(";nonce=\"b\"", &sent).await.status, 200, "a gateway sends it to another process");
        for gateway in [again.as_str(), "", "short"] {
            assert_eq!(request(";nonce=\"b\"", gateway).await.status, 401, "{gateway}: somebody else sends it");
        }
        for nonce in [";nonce=\"c\"", ";nonce=\"d\""] {
            assert_eq!(request(nonce, "short").await.status, 200);
            assert_eq!(request(nonce, "short").await.status, 401, "a name that can be guessed names nothing");
        }
    }

    async fn clients_must_send_and_accept_json(database) {
        let server = Server::on(database).await;
        let path = format!("/{OPERATOR}");
        let prefix = "Received error validating OpenAPI request: ";
        for (sent, status, words) in [
            (headers(&[(ACCEPT, "text/html")]), 406, "Must accept application/json"),
            (headers(&[(ACCEPT, "application/json;q=0")]), 406, "Must accept application/json"),
            (headers(&[]), 400, "body media type is not specified"),
            (headers(&[(CONTENT_TYPE, "text/plain")]), 415, "Unsupported Content-Type text/plain"),
            (headers(&[(CONTENT_TYPE, "application/json")]), 400, "body is not valid JSON"),
        ] {
            let answer = call(&server.routers.auth, "POST", &path, sent, "{".to_owned()).await;
            assert_eq!(answer.refusal(), refused(status, "invalid_request", &format!("{prefix}{words}")));
        }
        let long = "x".repeat(2 << 20);
        let answer = call(&server.routers.auth, "POST", &path, headers(&[(CONTENT_TYPE, "application/json")]), long).await;
        assert_eq!(answer.status, 413);
    }

    async fn unknown_paths_and_methods_are_not_found(database) {
        let server = Server::on(database).await;
        let routers = &server.routers;
        for (router, method, path) in [
            (&routers.auth, "GET", "/nothing/here"),
            (&routers.auth, "POST", "/"),
            (&routers.auth, "GET", "/continue/x"),
            (&routers.auth, "PUT", "/token/x"),
            (&routers.interaction, "POST", "/grant/a/b"),
            (&routers.introspection, "GET", "/"),
            (&routers.service, "GET", "/tenant"),
            (&routers.admin, "GET", "/anything"),
        ] {
            let answer = call(router, method, path, HeaderMap::new(), String::new()).await;
            assert_eq!(answer.refusal(), refused(404, "invalid_request", "Not Found"), "{method} {path}");
        }
    }

    async fn every_listener_reports_its_health(database) {
        let server = Server::on(database).await;
        let routers = &server.routers;
        for router in [&routers.auth, &routers.interaction, &routers.introspection, &routers.service, &routers.admin] {
            for path in ["/healthz", "/HealthZ/"] {
                let answer = call(router, "GET", path, HeaderMap::new(), String::new()).await;
                assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, "OK"));
            }
        }
        let discovery = call(&routers.auth, "GET", "/discovery", HeaderMap::new(), String::new()).await.json();
        assert_eq!(discovery["grant_request_endpoint"], "http://auth.example/{tenantId}");
    }

    async fn every_origin_may_call_but_not_the_admin_api(database) {
        let server = Server::on(database).await;
        let ask = headers(&[
            (http::header::ORIGIN, "https://x.example"),
            (http::header::ACCESS_CONTROL_REQUEST_METHOD, "POST"),
            (http::header::ACCESS_CONTROL_REQUEST_HEADERS, "signature, signature-input"),
        ]);
        let answer = call(&server.routers.auth, "OPTIONS", &format!("/{OPERATOR}"), ask.clone(), String::new()).await;
        assert_eq!(answer.status, 204);
        assert_eq!(answer.headers["access-control-allow-origin"], "*");
        assert_eq!(answer.headers["access-control-allow-methods"], "GET,HEAD,PUT,POST,DELETE,PATCH");
        assert_eq!(answer.headers["access-control-allow-headers"], "signature, signature-input");
        assert_eq!(answer.headers["vary"], "origin");
        let answer = call(&server.routers.admin, "OPTIONS", "/healthz", ask, String::new()).await;
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
    }
}
