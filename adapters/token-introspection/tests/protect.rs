//! The middleware, the memory of answers, and the questions to an OAuth provider.
//! The client of the GNAP authorization server is tested in `introspection.rs`.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::{get, post};
use axum::{Extension, Router};
use clock::{Clock, ManualClock, Timestamp};
use gnap::{AccessType, Action, ActiveToken, RequiredAccess, TokenInfo};
use http_signatures::{JwkSet, Signer, SigningKey, TargetOrigin};
use open_payments_client::{KeySets, KeySetsConfig, PublicResources, RetryPolicy};
use outbound_http::{Outbound, OutboundConfig};
use serde_json::{Value, json};
use token_introspection::{Binding, IntrospectionClient, IntrospectionError, OAuthIntrospection, Protect};
use tower::ServiceExt;

/// An answer about a token of the client whose key has the seed 1.
fn of_client(access: &Value) -> String {
    json!({"active": true, "grant": "g", "access": access, "client": {"jwk": signer(1).jwk()}}).to_string()
}

fn list() -> String {
    of_client(&json!([{"type": "incoming-payment", "actions": ["list"]}]))
}

/// A client with a key of its own.
fn signer(seed: u8) -> Signer {
    Signer::new(SigningKey::from_seed(&[seed; 32]), "client-key").unwrap()
}

/// A provider that gives a set answer and counts its calls.
#[derive(Default)]
struct Provider {
    answer: Mutex<(u16, String)>,
    asked: AtomicUsize,
    last: Mutex<(HeaderMap, String)>,
}

async fn answer(State(provider): State<Arc<Provider>>, headers: HeaderMap, body: String) -> (StatusCode, String) {
    provider.asked.fetch_add(1, Ordering::SeqCst);
    *provider.last.lock().unwrap() = (headers, body);
    let (status, body) = provider.answer.lock().unwrap().clone();
    (StatusCode::from_u16(status).unwrap(), body)
}

async fn provider(status: u16, body: &str) -> (Arc<Provider>, url::Url) {
    let provider = Arc::new(Provider { answer: Mutex::new((status, body.to_owned())), ..Provider::default() });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let app = Router::new().route("/", post(answer)).with_state(Arc::clone(&provider));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (provider, url)
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::from_millis(1_767_225_600_000)))
}

fn outbound(clock: &Arc<ManualClock>) -> Outbound {
    Outbound::new(OutboundConfig::development(), Arc::clone(clock) as Arc<dyn Clock>).unwrap()
}

fn to_list() -> RequiredAccess {
    RequiredAccess::one(AccessType::IncomingPayment, Action::List, None)
}

async fn served(client: IntrospectionClient, request: Request<Body>) -> (u16, HeaderMap, String) {
    let clock = clock();
    let public = PublicResources::new(outbound(&clock), RetryPolicy::default(), Arc::clone(&clock) as Arc<dyn Clock>);
    let keys = KeySets::new(public, KeySetsConfig::default(), Arc::clone(&clock) as Arc<dyn Clock>);
    let binding = Binding::new(Arc::new(keys), TargetOrigin::Host, clock);
    let protect = Protect::new(client, to_list(), binding, "https://auth.example/t").unwrap();
    let handler =
        |Extension(token): Extension<ActiveToken>, body: String| async move { format!("{} {body}", token.grant) };
    let router = Router::new().route("/", get(handler).post(handler)).layer(protect);
    let response = router.oneshot(request).await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = to_bytes(response.into_body(), 4096).await.unwrap();
    (status, headers, String::from_utf8(body.to_vec()).unwrap())
}

/// A request with the token `t`, signed by a client.
fn signed(signer: &Signer, method: &str, body: &'static str) -> Request<Body> {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", "GNAP t".parse().unwrap());
    signer.sign(method, "http://rs.example/", &mut headers, body.as_bytes(), clock().now()).unwrap();
    headers.insert("host", "rs.example".parse().unwrap());
    let mut request = Request::builder().method(method).uri("/");
    request.headers_mut().unwrap().extend(headers);
    request.body(Body::from(body)).unwrap()
}

fn with_token() -> Request<Body> {
    signed(&signer(1), "GET", "")
}

#[tokio::test]
async fn a_token_is_of_use_to_its_own_client_only() {
    let asked = async |request: Request<Body>| {
        let (_, url) = provider(200, &list()).await;
        served(IntrospectionClient::new(outbound(&clock()), url), request).await
    };
    let body = r#"{"a":1}"#;
    let (status, _, answered) = asked(signed(&signer(1), "POST", body)).await;
    assert_eq!((status, answered), (200, format!("g {body}")), "the handler gets the body");
    let unsigned = Request::get("/").header("authorization", "GNAP t").header("host", "rs.example");
    let mut changed = signed(&signer(1), "POST", body);
    *changed.body_mut() = Body::from(r#"{"a":2}"#);
    let mut other_token = with_token();
    other_token.headers_mut().insert("authorization", "GNAP u".parse().unwrap());
    let mut other_host = with_token();
    other_host.headers_mut().insert("host", "evil.example".parse().unwrap());
    for (request, what) in [
        (unsigned.body(Body::empty()).unwrap(), "no signature"),
        (signed(&signer(2), "GET", ""), "another key"),
        (changed, "another body"),
        (other_token, "another token"),
        (other_host, "another server"),
    ] {
        let (status, headers, told) = asked(request).await;
        assert_eq!(status, 401, "{what}: {told}");
        assert!(headers.contains_key("www-authenticate") && told.contains("sign the request"), "{what}: {told}");
    }
    let large = Request::post("/").header("authorization", "GNAP t").body(Body::from(vec![0; 65_537])).unwrap();
    assert_eq!(asked(large).await.0, 413);
}

#[tokio::test]
async fn the_key_of_a_client_is_found_at_its_wallet_address() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("https://{}/app", listener.local_addr().unwrap());
    let keys = axum::Json(JwkSet { keys: vec![signer(1).jwk().clone()] });
    let app = Router::new().route("/app/jwks.json", get(|| async move { keys }));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let answer = json!({"active": true, "grant": "g", "access": [{"type": "incoming-payment", "actions": ["list"]}],
        "client": {"walletAddress": address}});
    for (seed, status) in [(1, 200), (2, 401)] {
        let (_, url) = provider(200, &answer.to_string()).await;
        let request = signed(&signer(seed), "GET", "");
        assert_eq!(served(IntrospectionClient::new(outbound(&clock()), url), request).await.0, status, "key {seed}");
    }
}

#[tokio::test]
async fn a_request_is_served_when_its_token_covers_what_the_route_needs() {
    let (_, url) = provider(200, &list()).await;
    let (status, _, body) = served(IntrospectionClient::new(outbound(&clock()), url), with_token()).await;
    assert_eq!((status, body.as_str()), (200, "g "));
}

#[tokio::test]
async fn every_refusal_has_its_status_and_says_what_to_do() {
    let (list, other) = (list(), of_client(&json!([])));
    let plain = || Request::get("/").body(Body::empty()).unwrap();
    let bearer = Request::get("/").header("authorization", "Bearer t").body(Body::empty()).unwrap();
    let twice = Request::get("/").header("authorization", "GNAP t").header("authorization", "GNAP u");
    let in_query = Request::get("/?access_token=t").header("authorization", "GNAP t");
    for (answer, request, status, header) in [
        ((200, &*list), plain(), 401, "www-authenticate"),
        ((200, &*list), bearer, 401, "www-authenticate"),
        ((200, &*list), twice.body(Body::empty()).unwrap(), 400, ""),
        ((200, &*list), in_query.body(Body::empty()).unwrap(), 400, ""),
        ((200, r#"{"active":false}"#), with_token(), 401, "www-authenticate"),
        ((200, &*other), with_token(), 403, "www-authenticate"),
        ((200, "garbage"), with_token(), 401, "www-authenticate"),
        ((503, ""), with_token(), 503, "retry-after"),
        ((401, ""), with_token(), 503, "retry-after"),
    ] {
        let (_, url) = provider(answer.0, answer.1).await;
        let (told, headers, _) = served(IntrospectionClient::new(outbound(&clock()), url), request).await;
        assert_eq!(told, status, "{answer:?}");
        assert!(header.is_empty() || headers.contains_key(header), "{answer:?} {headers:?}");
    }
}

#[tokio::test]
async fn answers_about_reading_are_remembered_for_their_time_and_those_about_money_never() {
    let clock = clock();
    let (provider, url) = provider(200, &list()).await;
    let client = IntrospectionClient::new(outbound(&clock), url);
    let client = client.remember(Duration::from_secs(10), Arc::clone(&clock) as Arc<dyn Clock>);
    let asked = || provider.asked.load(Ordering::SeqCst);
    for _ in 0..3 {
        client.introspect("t", vec![to_list()]).await.unwrap();
    }
    assert_eq!(asked(), 1);
    client.introspect("u", vec![to_list()]).await.unwrap();
    assert_eq!(asked(), 2, "another token");
    *provider.answer.lock().unwrap() = (200, r#"{"active":false}"#.to_owned());
    clock.advance(Duration::from_secs(10));
    assert_eq!(client.introspect("t", vec![to_list()]).await.unwrap(), TokenInfo::Inactive);
    clock.advance(Duration::from_secs(2));
    client.introspect("t", vec![to_list()]).await.unwrap();
    assert_eq!(asked(), 4, "an inactive token is remembered for two seconds");

    let to_create = || RequiredAccess::one(AccessType::IncomingPayment, Action::Create, None);
    for _ in 0..2 {
        client.introspect("t", vec![to_create()]).await.unwrap();
    }
    assert_eq!(asked(), 6);
}

#[tokio::test]
async fn a_provider_of_oauth_is_asked_as_rfc_7662_says() {
    let body =
        r#"{"active":true,"client_id":"backend","aud":"auth-introspection","scope":"token:introspect","iss":"i"}"#;
    let (provider, url) = provider(200, body).await;
    let oauth = OAuthIntrospection::new(outbound(&clock()), url, "a b", "s:cret");
    let token = oauth.introspect("to+ken").await.unwrap().unwrap();
    assert_eq!(
        (token.client_id.as_deref(), token.scopes.as_slice()),
        (Some("backend"), ["token:introspect".to_owned()].as_slice())
    );
    let (headers, form) = provider.last.lock().unwrap().clone();
    assert_eq!(form, "token=to%2Bken&token_type_hint=access_token");
    // "a+b:s%3Acret"
    assert_eq!(headers["authorization"], "Basic YStiOnMlM0FjcmV0");

    *provider.answer.lock().unwrap() = (200, r#"{"active":false}"#.to_owned());
    assert_eq!(oauth.introspect("t").await.unwrap(), None);
    for (status, unavailable) in [(503, true), (401, true), (400, false)] {
        *provider.answer.lock().unwrap() = (status, String::new());
        let error: IntrospectionError = oauth.introspect("t").await.unwrap_err();
        assert_eq!(error.is_unavailable(), unavailable, "{status}");
    }
}
