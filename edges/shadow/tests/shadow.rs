//! The proxy between a client, a fake old installation and a fake one of ours.
//! How answers are compared is tested in `answer-comparison`.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as expected")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::routing::{any, get, post};
use clock::{ManualClock, SystemEntropy, Timestamp};
use http::{HeaderMap, StatusCode};
use outbound_http::{Outbound, OutboundConfig};
use serde_json::{Value, json};
use shadow::{Asker, Counted, Finding, Left, Pair, Settings, Shadow, Writes};
use tower::ServiceExt;
use url::Url;
use uuid::Uuid;

/// How an installation computes what arrives.
#[derive(Clone, Copy)]
enum Rounding {
    Down,
    /// The injected change.
    Up,
}

/// A server that makes quotes and payments. Two such servers share nothing.
#[derive(Clone)]
struct Fake {
    rounding: Rounding,
    /// Added to its ids, which differ from those of others.
    ids: u128,
    now: &'static str,
    made: Arc<Mutex<HashMap<Uuid, Value>>>,
    next: Arc<AtomicU64>,
    headers: Arc<Mutex<Vec<HeaderMap>>>,
}

impl Fake {
    fn new(rounding: Rounding, ids: u128, now: &'static str) -> Self {
        let imported = json!({"id": Uuid::from_u128(7), "state": "COMPLETED", "publicName": "Alice"});
        Self {
            rounding,
            ids,
            now,
            made: Arc::new(Mutex::new(HashMap::from([(Uuid::from_u128(7), imported)]))),
            next: Arc::default(),
            headers: Arc::default(),
        }
    }

    async fn serve(self) -> Url {
        let router = Router::new()
            .route("/quotes", post(make_quote))
            .route("/outgoing-payments", post(make_payment).get(list))
            .route("/outgoing-payments/{id}", get(read))
            .route("/graphql", post(graphql))
            .with_state(self);
        serve(router).await
    }

    fn keep(&self, make: impl FnOnce(Uuid) -> Value) -> axum::Json<Value> {
        let id = Uuid::from_u128(self.ids + u128::from(self.next.fetch_add(1, Ordering::Relaxed)));
        let made = make(id);
        self.made.lock().unwrap().insert(id, made.clone());
        axum::Json(made)
    }
}

async fn serve(router: Router) -> Url {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url.parse().unwrap()
}

fn amount(value: u64, code: &str) -> Value {
    json!({"value": value.to_string(), "assetCode": code, "assetScale": 2})
}

async fn make_quote(State(fake): State<Fake>, axum::Json(asked): axum::Json<Value>) -> axum::Json<Value> {
    let debit: u64 = asked["debitAmount"]["value"].as_str().unwrap().parse().unwrap();
    // A rate of 0.059.
    let receive = match fake.rounding {
        Rounding::Down => debit * 59 / 1000,
        Rounding::Up => (debit * 59).div_ceil(1000),
    };
    fake.keep(|id| {
        json!({
            "id": format!("https://bank.example/quotes/{id}"), "createdAt": fake.now,
            "debitAmount": amount(debit, "MXN"), "receiveAmount": amount(receive, "USD"),
        })
    })
}

async fn make_payment(
    State(fake): State<Fake>,
    axum::Json(asked): axum::Json<Value>,
) -> Result<axum::Json<Value>, StatusCode> {
    let quote = asked["quoteId"].as_str().unwrap().rsplit('/').next().unwrap().parse().unwrap();
    let quote = fake.made.lock().unwrap().get(&quote).cloned().ok_or(StatusCode::BAD_REQUEST)?;
    Ok(fake.keep(|id| {
        json!({
            "id": format!("https://bank.example/outgoing-payments/{id}"), "createdAt": fake.now, "state": "FUNDING",
            "quoteId": quote["id"], "receiveAmount": quote["receiveAmount"],
        })
    }))
}

async fn read(
    State(fake): State<Fake>,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
) -> Result<axum::Json<Value>, StatusCode> {
    fake.headers.lock().unwrap().push(headers);
    fake.made.lock().unwrap().get(&id).cloned().map(axum::Json).ok_or(StatusCode::NOT_FOUND)
}

async fn list(State(fake): State<Fake>) -> axum::Json<Value> {
    let mut all: Vec<(Uuid, Value)> = fake.made.lock().unwrap().clone().into_iter().collect();
    all.sort_by_key(|(id, _)| *id);
    axum::Json(json!({ "result": all.into_iter().map(|(_, made)| made).collect::<Vec<_>>() }))
}

/// Answers only to signatures that cover the body.
async fn graphql(headers: HeaderMap, body: String) -> Result<axum::Json<Value>, StatusCode> {
    let signature = headers.get("signature").ok_or(StatusCode::UNAUTHORIZED)?.to_str().unwrap();
    let body: Value = serde_json::from_str(&body).unwrap();
    let signature = admin_signature::Signature::parse(signature, 1).map_err(|_| StatusCode::UNAUTHORIZED)?;
    let canonical = admin_signature::canonical(&body);
    signature.verify("shared", at(), Duration::from_secs(30), &canonical).map_err(|_| StatusCode::UNAUTHORIZED)?;
    Ok(axum::Json(json!({"data": {"payment": {"id": body["variables"]["id"], "state": "COMPLETED"}}})))
}

fn at() -> Timestamp {
    "2026-11-26T20:00:00.000Z".parse().unwrap()
}

/// The proxy, its asker, and what they reported.
struct Proxy {
    router: Router,
    shadow: Shadow,
    asker: Asker,
    findings: Arc<Mutex<Vec<Finding>>>,
}

impl Proxy {
    fn between(old: Url, ours: Url, settings: Settings) -> Self {
        let clock = Arc::new(ManualClock::at(at()));
        let http = Outbound::new(OutboundConfig::development(), clock.clone()).unwrap();
        let findings: Arc<Mutex<Vec<Finding>>> = Arc::default();
        let report = Arc::clone(&findings);
        let report = Arc::new(move |finding| report.lock().unwrap().push(finding));
        let (shadow, asker) = Shadow::new(settings, http, clock, Arc::new(SystemEntropy), report);
        Self { router: shadow.router(Pair { old, ours }), shadow, asker, findings }
    }

    async fn send(&self, request: http::request::Builder, body: &Value) -> (StatusCode, Value) {
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let request = request.header("content-type", "application/json").body(body).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), 1_000_000).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        self.send(Request::post(path), body).await.1
    }

    async fn get(&self, path: &str) -> Value {
        self.send(Request::get(path), &Value::Null).await.1
    }

    /// Waits until every request was sent to ours.
    async fn ended(self) -> (Arc<shadow::Counts>, Vec<Finding>) {
        let Self { router, shadow, asker, findings } = self;
        let counts = shadow.counts();
        drop((router, shadow));
        asker.run(std::future::pending()).await;
        let findings = findings.lock().unwrap().clone();
        (counts, findings)
    }
}

fn with_writes() -> Settings {
    Settings { writes: Writes::Asked, pauses: vec![Duration::ZERO; 2], ..Settings::default() }
}

fn last(id: &Value) -> Uuid {
    id.as_str().unwrap().rsplit('/').next().unwrap().parse().unwrap()
}

async fn one_payment(proxy: &Proxy, debit: u64) -> Uuid {
    let quote = proxy.post("/quotes", &json!({"debitAmount": amount(debit, "MXN")})).await;
    let payment = proxy.post("/outgoing-payments", &json!({"quoteId": quote["id"]})).await;
    let id = last(&payment["id"]);
    assert_eq!(proxy.get(&format!("/outgoing-payments/{id}")).await, payment, "the client sees the old one's answer");
    id
}

#[tokio::test]
async fn equal_installations_are_equal_although_ids_and_times_differ() {
    let old = Fake::new(Rounding::Down, 1_000, "2026-11-26T20:00:00.000Z").serve().await;
    let ours = Fake::new(Rounding::Down, 9_000, "2026-11-26T20:00:02.500Z").serve().await;
    let proxy = Proxy::between(old, ours, with_writes());
    for debit in 1..=20 {
        one_payment(&proxy, debit * 1_001).await;
    }
    proxy.get("/outgoing-payments").await;
    proxy.get(&format!("/outgoing-payments/{}", Uuid::from_u128(7))).await;
    let (counts, findings) = proxy.ended().await;
    assert_eq!(findings, []);
    assert_eq!((counts.of(Counted::Equal), counts.of(Counted::Different)), (62, 0), "{counts}");
}

#[tokio::test]
async fn an_injected_rounding_change_is_reported_with_the_payment_and_both_amounts() {
    let old = Fake::new(Rounding::Down, 1_000, "2026-11-26T20:00:00.000Z").serve().await;
    let ours = Fake::new(Rounding::Up, 9_000, "2026-11-26T20:00:02.500Z").serve().await;
    let proxy = Proxy::between(old, ours, with_writes());
    let equal = one_payment(&proxy, 100_000).await;
    let payment = one_payment(&proxy, 17_680).await;
    proxy.send(Request::get("/outgoing-payments").header("x-request-id", "list-1"), &Value::Null).await;
    let (counts, findings) = proxy.ended().await;

    let texts: Vec<String> = findings.iter().map(ToString::to_string).collect();
    let line = format!("outgoing-payments {payment}: receiveAmount: 1043 USD/2 there, 1044 USD/2 here (1 more here)");
    assert!(texts.iter().any(|text| text.contains(&line)), "{texts:#?}");
    assert!(texts.iter().all(|text| !text.contains(&equal.to_string())), "{texts:#?}");
    let of_list = findings.iter().find(|finding| finding.request == "list-1").unwrap().to_string();
    assert!(of_list.contains("in all there"), "{of_list}");
    // The quote, the payment made, the payment read, the list.
    assert_eq!((counts.of(Counted::Equal), counts.of(Counted::Different)), (3, 4), "{counts}");
}

#[tokio::test]
async fn without_writes_requests_about_what_only_the_old_one_made_are_not_sent_to_ours() {
    let old = Fake::new(Rounding::Down, 1_000, "2026-11-26T20:00:00.000Z").serve().await;
    let ours = Fake::new(Rounding::Up, 9_000, "2026-11-26T20:00:00.000Z");
    let made = Arc::clone(&ours.made);
    let proxy = Proxy::between(old, ours.serve().await, Settings { pauses: Vec::new(), ..Settings::default() });
    one_payment(&proxy, 17_680).await;
    proxy.get("/outgoing-payments").await;
    let (counts, findings) = proxy.ended().await;
    assert_eq!(findings, []);
    assert_eq!(
        (counts.left(Left::Write), counts.left(Left::OnlyThere), counts.of(Counted::Equal)),
        (2, 1, 1),
        "{counts}"
    );
    assert_eq!(made.lock().unwrap().len(), 1, "only what was imported");
}

#[tokio::test]
async fn the_clients_answer_does_not_wait_for_ours_and_requests_that_do_not_fit_are_counted() {
    let old = Fake::new(Rounding::Down, 1_000, "2026-11-26T20:00:00.000Z").serve().await;
    let silent = serve(Router::new().fallback(any(async || std::future::pending::<()>().await))).await;
    let settings = Settings { queue: 4, patience: Duration::from_millis(20), ..with_writes() };
    let proxy = Proxy::between(old, silent, settings);
    for _ in 0..50 {
        let (status, _) =
            proxy.send(Request::get(format!("/outgoing-payments/{}", Uuid::from_u128(7))), &Value::Null).await;
        assert_eq!(status, StatusCode::OK);
    }
    let (counts, findings) = proxy.ended().await;
    assert_eq!(findings, []);
    assert_eq!((counts.left(Left::QueueFull), counts.of(Counted::NoAnswer)), (46, 4), "{counts}");
}

#[tokio::test]
async fn large_answers_fill_the_queue_by_their_octets() {
    let large = Router::new().fallback(get(async || "x".repeat(10_000)));
    let (old, ours) = (serve(large.clone()).await, serve(large).await);
    let proxy = Proxy::between(old, ours, Settings { queue_octets: 25 * 1024, ..with_writes() });
    for _ in 0..5 {
        proxy.get("/").await;
    }
    let (counts, _) = proxy.ended().await;
    assert_eq!((counts.left(Left::QueueFull), counts.of(Counted::Equal)), (3, 2), "{counts}");
}

#[tokio::test]
async fn a_changed_request_to_the_admin_api_is_signed_again_and_other_signed_requests_are_left_out() {
    let ours = serve(Router::new().route("/graphql", post(graphql)).route("/quotes", post(second_quote))).await;
    let old = serve(Router::new().route("/graphql", post(graphql)).route("/quotes", post(first_quote))).await;
    let secrets = HashMap::from([("operator".to_owned(), "shared".to_owned())]);
    let proxy = Proxy::between(old, ours, Settings { secrets, ..with_writes() });
    let quote = proxy.post("/quotes", &json!({})).await;

    let body =
        json!({"query": "query P($id: String!) { payment(id: $id) { id state } }", "variables": {"id": quote["id"]}});
    let signature = admin_signature::sign("shared", 1, at(), &admin_signature::canonical(&body));
    let signed = |tenant| Request::post("/graphql").header("signature", &signature).header("tenant-id", tenant);
    assert_eq!(proxy.send(signed("operator"), &body).await.0, StatusCode::OK);
    assert_eq!(proxy.send(signed("another"), &body).await.0, StatusCode::OK);
    let of_client = Request::post("/graphql").header("signature", &signature).header("signature-input", "sig1=()");
    assert_eq!(proxy.send(of_client, &body).await.0, StatusCode::OK);

    let (counts, findings) = proxy.ended().await;
    assert_eq!(findings, []);
    assert_eq!((counts.of(Counted::Equal), counts.left(Left::Signed)), (2, 2), "{counts}");
}

async fn first_quote() -> axum::Json<Value> {
    axum::Json(json!({"id": Uuid::from_u128(1)}))
}

async fn second_quote() -> axum::Json<Value> {
    axum::Json(json!({"id": Uuid::from_u128(2)}))
}

#[tokio::test]
async fn a_read_of_a_value_that_is_late_at_ours_is_equal_after_a_repetition() {
    let old = serve(Router::new().fallback(get(async || r#"{"state":"COMPLETED"}"#))).await;
    let asked = Arc::new(AtomicU64::new(0));
    let ours = serve(Router::new().fallback(get(move || {
        let state = if asked.fetch_add(1, Ordering::Relaxed) == 0 { "SENDING" } else { "COMPLETED" };
        async move { format!(r#"{{"state":"{state}"}}"#) }
    })))
    .await;
    let proxy = Proxy::between(old, ours, with_writes());
    proxy.get("/outgoing-payments/1").await;
    let (counts, findings) = proxy.ended().await;
    assert_eq!(findings, []);
    assert_eq!(counts.of(Counted::EqualLater), 1, "{counts}");
}

#[tokio::test]
async fn both_get_the_clients_host_and_headers_and_the_client_gets_status_and_headers_of_the_old_one() {
    let old = Fake::new(Rounding::Down, 1_000, "2026-11-26T20:00:00.000Z");
    let ours = Fake::new(Rounding::Down, 9_000, "2026-11-26T20:00:00.000Z");
    let seen = [Arc::clone(&old.headers), Arc::clone(&ours.headers)];
    let proxy = Proxy::between(old.serve().await, ours.serve().await, with_writes());
    let request = Request::get(format!("/outgoing-payments/{}", Uuid::from_u128(7)))
        .header("host", "bank.example")
        .header("authorization", "GNAP 1234")
        .header("connection", "x-hop")
        .header("x-hop", "1");
    let response = proxy.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(proxy.send(Request::get("/nowhere"), &Value::Null).await.0, StatusCode::NOT_FOUND);
    proxy.ended().await;
    for seen in seen {
        let headers = seen.lock().unwrap();
        assert_eq!(headers.len(), 1);
        assert_eq!(
            (&headers[0]["host"], &headers[0]["authorization"]),
            (&"bank.example".parse().unwrap(), &"GNAP 1234".parse().unwrap())
        );
        assert!(!headers[0].contains_key("x-hop"));
    }
}

#[tokio::test]
async fn an_old_installation_that_does_not_answer_is_a_bad_gateway_and_ours_is_not_asked() {
    let ours = Fake::new(Rounding::Down, 9_000, "2026-11-26T20:00:00.000Z");
    let asked = Arc::clone(&ours.headers);
    let unreachable = Url::parse("http://127.0.0.1:1").unwrap();
    let proxy = Proxy::between(unreachable, ours.serve().await, with_writes());
    let path = format!("/outgoing-payments/{}", Uuid::from_u128(7));
    assert_eq!(proxy.send(Request::get(path), &Value::Null).await.0, StatusCode::BAD_GATEWAY);
    let (counts, _) = proxy.ended().await;
    assert!(counts.to_string().contains("1 not answered"), "{counts}");
    assert_eq!(asked.lock().unwrap().len(), 0);
}
