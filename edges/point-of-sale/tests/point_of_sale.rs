//! The point of sale between a backend, a wallet address and a card service that the test plays: recorded forms in both
//! directions, and no false answer.
//! The real services are tested with the binary.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as expected")]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use admin_client::{AdminClient, Credentials};
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use clock::{Clock, ManualClock};
use http_kit::{EventVerification, ServiceIdentities, ShutdownGate, Unsigned};
use http_signatures::{Freshness, Signer, SigningKey, TargetOrigin};
use outbound_http::{Outbound, OutboundConfig, Scheme, Strangers};
use point_of_sale::{NewTerminal, PointOfSale, PointOfSalePorts, PointOfSaleSettings, Terminals};
use serde_json::{Value, json};
use service_auth::Service;
use shared_cache::{InProcessCache, InProcessLimits, Limiter, Rate, SharedCache};
use testkit::TestDatabase;
use tower::ServiceExt;
use uuid::Uuid;

const SECRET: &str = "a secret of both";
const INCOMING: &str = "0c5f2c33-98a4-4cb6-8b7e-53a4d1c1f6a4";
const MERCHANT: &str = "https://happy-life-bank-backend/accounts/pfry";

/// The answers of both card services to the same situations, and what both points of sale make of them. Those of the
/// original are recorded.
const MIXES: &str = include_str!("../../card-service/tests/mixes.json");

/// All other parties.
struct World {
    base: Mutex<String>,
    calls: Mutex<Vec<(String, Value)>>,
    /// State and received amount of the incoming payment.
    incoming: Mutex<(&'static str, u64)>,
    /// The card service's answer, and its requests.
    card_answer: Mutex<(u16, Value)>,
    card_requests: Mutex<Vec<(HeaderMap, Value)>>,
    /// What arrives when the card service approves.
    arrives: Mutex<u64>,
    address_document: Mutex<Value>,
    knows_merchant: Mutex<bool>,
    refund_state: Mutex<&'static str>,
    /// What the payment of a refund has sent.
    refund_sent: Mutex<u64>,
    /// The operation that the backend refuses, and the code.
    refused: Mutex<Option<(&'static str, &'static str)>>,
}

impl World {
    fn calls_of(&self, operation: &str) -> Vec<Value> {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|(name, _)| name == operation).map(|(_, input)| input.clone()).collect()
    }

    fn card_says(&self, status: u16, body: Value) {
        *self.card_answer.lock().unwrap() = (status, body);
    }

    fn answer(&self, operation: &str, variables: &Value) -> Value {
        let input = if variables["input"].is_null() { variables } else { &variables["input"] };
        self.calls.lock().unwrap().push((operation.to_owned(), input.clone()));
        if let Some((_, code)) = self.refused.lock().unwrap().filter(|(refused, _)| *refused == operation) {
            return json!({"errors": [{"message": "it is refused", "extensions": {"code": code}}], "data": null});
        }
        let usd = |value: u64| json!({"value": value.to_string(), "assetCode": "USD", "assetScale": 2});
        let (state, received) = *self.incoming.lock().unwrap();
        let receiver = |asked: Value| {
            json!({"id": "https://cn.example/t/incoming-payments/9",
            "walletAddressUrl": "https://cn.example/gfranklin", "completed": false, "expiresAt": null,
            "incomingAmount": asked, "receivedAmount": usd(0)})
        };
        let payment = || {
            json!({"id": Uuid::from_u128(77), "walletAddressId": Uuid::from_u128(1),
            "state": *self.refund_state.lock().unwrap(), "error": null, "stateAttempts": 0, "debitAmount": usd(1),
            "receiveAmount": usd(1), "sentAmount": usd(*self.refund_sent.lock().unwrap()), "receiver": "", "metadata": null})
        };
        let data = match operation {
            "WalletAddressByUrl" if !*self.knows_merchant.lock().unwrap() => json!({"walletAddressByUrl": null}),
            "WalletAddressByUrl" => {
                json!({"walletAddressByUrl": {"id": Uuid::from_u128(1), "address": variables["url"],
                "publicName": null, "asset": {"id": Uuid::from_u128(2), "code": "USD", "scale": 2}}})
            }
            "CreateIncomingPayment" => {
                let before = u128::try_from(self.calls_of(operation).len()).unwrap();
                let id = if before == 1 { INCOMING.to_owned() } else { Uuid::from_u128(before).to_string() };
                let url = format!("https://happy-life-bank-backend/cf5f/incoming-payments/{id}");
                json!({"createIncomingPayment": {"payment": {"id": id, "url": url}}})
            }
            "IncomingPayment" => json!({"incomingPayment": {"id": INCOMING, "walletAddressId": Uuid::from_u128(1),
                "state": state, "incomingAmount": usd(1000), "receivedAmount": usd(received)}}),
            "CompleteReceiver" => {
                self.incoming.lock().unwrap().0 = "COMPLETED";
                json!({"completeReceiver": {"receiver": receiver(Value::Null)}})
            }
            "CreateReceiver" => json!({"createReceiver": {"receiver": receiver(input["incomingAmount"].clone())}}),
            "Receiver" => json!({"receiver": receiver(usd(received))}),
            "PayIncomingPayment" => json!({"createOutgoingPaymentFromIncomingPayment": {"payment": payment()}}),
            "OutgoingPayment" => json!({"outgoingPayment": payment()}),
            "CardIncomingPayments" => json!({"walletAddressByUrl": {"incomingPayments": {"edges": [{"node": {
                "id": INCOMING, "url": "https://x/y", "walletAddressId": Uuid::from_u128(1), "metadata": null,
                "senderWalletAddress": "https://cn.example/gfranklin", "state": "COMPLETED",
                "incomingAmount": usd(1000), "receivedAmount": usd(1000), "expiresAt": "2026-01-01T00:00:00Z",
                "createdAt": "2026-01-01T00:00:00Z", "tenant": {"apiSecret": "hidden"}}}],
                "pageInfo": {"startCursor": "a", "endCursor": "b", "hasNextPage": false, "hasPreviousPage": true}}}}),
            other => panic!("{other} is not expected"),
        };
        json!({"data": data})
    }
}

async fn graphql(State(world): State<Arc<World>>, Json(body): Json<Value>) -> Json<Value> {
    let document = body["query"].as_str().unwrap();
    Json(world.answer(document.split([' ', '(']).nth(1).unwrap(), &body["variables"]))
}

async fn address(State(world): State<Arc<World>>) -> Json<Value> {
    Json(world.address_document.lock().unwrap().clone())
}

async fn card_payment(State(world): State<Arc<World>>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    world.card_requests.lock().unwrap().push((headers, body));
    let (status, answer) = world.card_answer.lock().unwrap().clone();
    if answer["result"]["code"] == "approved" {
        let arrives = *world.arrives.lock().unwrap();
        *world.incoming.lock().unwrap() = (if arrives >= 1000 { "COMPLETED" } else { "PROCESSING" }, arrives);
    }
    (StatusCode::from_u16(status).unwrap(), Json(answer)).into_response()
}

struct Bench {
    world: Arc<World>,
    service: PointOfSale,
    gate: ShutdownGate,
    clock: Arc<ManualClock>,
    links: Links,
    database: TestDatabase,
}

/// Whether terminals have to sign.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Links {
    Open,
    Closed,
}

impl Bench {
    async fn new(database: TestDatabase, links: Links) -> Self {
        let world = Arc::new(World {
            base: Mutex::default(),
            calls: Mutex::default(),
            incoming: Mutex::new(("PENDING", 0)),
            card_answer: Mutex::new((201, json!({"requestId": "x", "result": {"code": "approved"}}))),
            card_requests: Mutex::default(),
            arrives: Mutex::new(1000),
            address_document: Mutex::default(),
            knows_merchant: Mutex::new(true),
            refund_state: Mutex::new("COMPLETED"),
            refund_sent: Mutex::new(1),
            refused: Mutex::default(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new()
            .route("/graphql", post(graphql))
            .route("/accounts/gfranklin", get(address))
            .route("/cards/payment", post(card_payment))
            .with_state(Arc::clone(&world));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        *world.address_document.lock().unwrap() = json!({"id": "x", "cardService": format!("{base}/cards/")});
        world.base.lock().unwrap().clone_from(&base);
        PointOfSale::migrate(&database).await.unwrap();
        let clock = testkit::manual_clock();
        let service = service(&database, &clock, &base, links);
        Self { world, service, gate: ShutdownGate::default(), clock, links, database }
    }

    fn another_process(&self) -> PointOfSale {
        service(&self.database, &self.clock, &self.world.base.lock().unwrap(), self.links)
    }

    /// The body as it was recorded from the original's terminals.
    fn recorded(&self) -> Value {
        let sender = format!("{}/accounts/gfranklin", self.world.base.lock().unwrap());
        json!({
            "signature": "signature", "payload": "payload",
            "amount": {"value": "1000", "assetScale": 2, "assetCode": "USD"},
            "senderWalletAddress": sender, "receiverWalletAddress": MERCHANT,
            "timestamp": self.clock.now().as_millis(),
        })
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, Value, HeaderMap) {
        let response = point_of_sale::http::router(self.service.clone(), self.gate.clone()).oneshot(request).await;
        let response = response.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let body = serde_json::from_slice(&body).unwrap_or(Value::String(String::from_utf8_lossy(&body).into_owned()));
        (status, body, headers)
    }

    fn request(&self, method: &str, path: &str, body: &Value, signer: Option<&Signer>) -> Request<Body> {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let mut headers = HeaderMap::new();
        if let Some(signer) = signer {
            let target = format!("http://pos.example{path}");
            signer.sign(method, &target, &mut headers, text.as_bytes(), self.clock.now()).unwrap();
        }
        headers.insert("host", "pos.example".parse().unwrap());
        headers.insert("content-type", "application/json".parse().unwrap());
        let mut request = Request::builder().method(method).uri(path);
        request.headers_mut().unwrap().extend(headers);
        request.body(Body::from(text)).unwrap()
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        let (status, body, _) = self.send(self.request("GET", path, &Value::Null, None)).await;
        (status, body)
    }

    /// Sends a tap and works until it is answered. The time advances by `step` whenever nothing is due.
    async fn tapped(&self, body: &Value, step: Duration) -> (StatusCode, Value, HeaderMap) {
        let work = async || {
            if self.service.work_due().await.unwrap() == 0 {
                self.clock.advance(step);
                tokio::task::yield_now().await;
            }
        };
        testkit::answered_while(self.send(self.request("POST", "/payment", body, None)), work).await
    }

    /// Does everything that is due, also after the pauses of repeated steps.
    async fn work(&self) {
        self.clock.advance(Duration::from_secs(20));
        while self.service.work_due().await.unwrap() > 0 {}
    }

    /// What is due during this time is done.
    async fn work_for(&self, time: Duration) {
        let end = self.clock.now() + time;
        while self.clock.now() < end {
            self.clock.advance(Duration::from_mins(1));
            while self.service.work_due().await.unwrap() > 0 {}
        }
    }

    /// Asks for the refund of the tap 1. What is told about the refund.
    async fn ask_refund(&self) -> Value {
        let path = format!("/payments/{}/refund", Uuid::from_u128(1));
        let (status, told, _) = self.send(self.request("POST", &path, &Value::Null, None)).await;
        assert_eq!(status, StatusCode::ACCEPTED);
        told["refund"].clone()
    }

    /// The tap 1, which was approved.
    async fn approved_tap(&self) {
        let mut body = self.recorded();
        body["requestId"] = json!(Uuid::from_u128(1));
        assert_eq!(self.tapped(&body, STANDING).await.0, StatusCode::OK);
    }

    /// The different idempotency keys of an operation, in turn.
    fn keys_of(&self, operation: &str) -> Vec<Value> {
        let mut keys: Vec<_> =
            self.world.calls_of(operation).into_iter().map(|input| input["idempotencyKey"].clone()).collect();
        keys.dedup();
        keys
    }

    async fn event(&self, kind: &str, secret: Option<&str>) -> StatusCode {
        let body = json!({"id": Uuid::from_u128(5), "type": kind, "data": {"id": INCOMING, "completed": true}});
        let mut request = Request::post("/webhook").header("content-type", "application/json");
        if let Some(secret) = secret {
            let header = admin_signature::sign(secret, 1, self.clock.now(), &admin_signature::canonical(&body));
            request = request.header("rafiki-signature", header);
        }
        self.send(request.body(Body::from(body.to_string())).unwrap()).await.0
    }
}

const STANDING: Duration = Duration::ZERO;
const PASSING: Duration = Duration::from_millis(500);

fn service(database: &TestDatabase, clock: &Arc<ManualClock>, base: &str, links: Links) -> PointOfSale {
    service_calling(OutboundConfig::development(), database, clock, base, links)
}

fn service_calling(
    outbound: OutboundConfig,
    database: &TestDatabase,
    clock: &Arc<ManualClock>,
    base: &str,
    links: Links,
) -> PointOfSale {
    let dyn_clock = || Arc::clone(clock) as Arc<dyn Clock>;
    let http = Outbound::new(outbound, dyn_clock()).unwrap();
    let credentials = Credentials { tenant_id: Uuid::nil(), secret: SECRET.to_owned(), signature_version: 1 };
    let (freshness, origin) = (Freshness::default(), TargetOrigin::Host);
    let settings = PointOfSaleSettings {
        timeout: Duration::from_secs(30),
        margin: Duration::from_secs(30),
        events: EventVerification {
            identities: ServiceIdentities::default(),
            service: Service::PosHooks,
            secrets: vec![SECRET.to_owned()],
            version: 1,
            tolerance: Duration::from_mins(5),
            unsigned: Unsigned::Refused,
        },
        terminals: match links {
            Links::Open => Terminals::Anybody { freshness, origin },
            Links::Closed => Terminals::Signed { freshness, origin },
        },
        per_source: Rate::per_minute("taps", 0),
    };
    let limits = InProcessLimits { entries: 100, bytes: 100_000 };
    let ports = PointOfSalePorts {
        database: (**database).clone(),
        admin: AdminClient::new(format!("{base}/graphql").parse().unwrap(), credentials, http.clone(), dyn_clock()),
        http,
        signer: Some(Arc::new(Signer::new(SigningKey::from_seed(&[1; 32]), "key-of-happy-life").unwrap())),
        limiter: Limiter::new(SharedCache::InProcess(InProcessCache::new(dyn_clock(), limits)), dyn_clock()),
        clock: dyn_clock(),
        entropy: testkit::entropy(1),
    };
    PointOfSale::new(settings, ports)
}

testkit::on_each_database! {
    async fn the_recorded_tap_is_answered_exactly_as_recorded(database) {
        let bench = Bench::new(database, Links::Open).await;
        let body = bench.recorded();
        let (status, answer, headers) = bench.tapped(&body, STANDING).await;
        assert_eq!((status, answer), (StatusCode::OK, json!({"result": {"code": "approved"}})));

        let requests = bench.world.card_requests.lock().unwrap().clone();
        let [(sent_headers, sent)] = requests.as_slice() else { panic!("{requests:?}") };
        let mut members: Vec<&String> = sent.as_object().unwrap().keys().collect();
        members.sort();
        assert_eq!(members, ["amount", "incomingPaymentUrl", "payload", "requestId", "senderWalletAddress", "signature",
            "timestamp"]);
        assert_eq!(sent["amount"], json!({"value": "1000", "assetCode": "USD", "assetScale": 2}));
        assert_eq!(sent["incomingPaymentUrl"], format!("https://happy-life-bank-backend/cf5f/incoming-payments/{INCOMING}"));
        assert!(sent_headers.contains_key("signature") && sent_headers.contains_key("rafiki-deadline"));

        let created = bench.world.calls_of("CreateIncomingPayment");
        assert_eq!(created.len(), 1);
        assert_eq!((&created[0]["isCardPayment"], &created[0]["incomingAmount"]["value"]), (&json!(true), &json!("1000")));
        assert_eq!(created[0]["expiresAt"], "2026-01-01T00:01:00.000Z", "it outlives its tap");

        // The same tap again, also from another process, is recognised.
        let (status, again, _) = bench.tapped(&body, STANDING).await;
        assert_eq!((status, again), (StatusCode::OK, json!({"result": {"code": "approved"}})));
        assert_eq!(bench.world.card_requests.lock().unwrap().len(), 1);

        let location = headers["location"].to_str().unwrap();
        let (status, told) = bench.get(location).await;
        assert_eq!((status, &told["state"]), (StatusCode::OK, &json!("approved")));
        let (status, told) = bench.get(&format!("/payments/{INCOMING}")).await;
        assert_eq!((status, &told["incomingPaymentId"]), (StatusCode::OK, &json!(INCOMING)));
    }

    async fn a_wrong_chip_signature_is_reported_when_no_money_can_arrive_any_more(database) {
        let bench = Bench::new(database, Links::Open).await;
        bench.world.card_says(201, json!({"requestId": "x",
            "result": {"code": "invalid_signature", "description": "Invalid card signature"}}));
        let (status, answer, _) = bench.tapped(&bench.recorded(), STANDING).await;
        assert_eq!((status, answer), (StatusCode::OK, json!({"result": {"code": "invalid_signature"}})));
        assert_eq!(bench.world.calls_of("CompleteReceiver").len(), 1);
    }

    async fn our_point_of_sale_tells_its_terminal_the_same_with_the_originals_card_service_as_with_ours(database) {
        let bench = Bench::new(database, Links::Open).await;
        let mixes: Vec<Value> = serde_json::from_str(MIXES).unwrap();
        for (number, mix) in mixes.iter().enumerate() {
            for (place, whose) in ["theirs", "ours"].into_iter().enumerate() {
                let mut body = bench.recorded();
                body["requestId"] = json!(Uuid::from_u128(1 + (number * 2 + place) as u128));
                *bench.world.incoming.lock().unwrap() = ("PENDING", 0);
                bench.world.card_says(u16::try_from(mix[whose]["status"].as_u64().unwrap()).unwrap(), mix[whose]["body"].clone());
                let (status, told, _) = bench.tapped(&body, STANDING).await;
                let (expected, situation) = (&mix["ourPointOfSale"], &mix["situation"]);
                assert_eq!(expected["status"], status.as_u16(), "{situation} {whose}: {told}");
                assert_eq!(
                    (&told["result"]["code"], &told["error"]["code"]),
                    (&expected["result"], &expected["error"]),
                    "{situation} {whose}"
                );
            }
        }
        assert_eq!(mixes.len(), 5);
    }

    async fn every_failure_has_its_code_and_the_issuers_reason(database) {
        let bench = Bench::new(database, Links::Open).await;
        let case = |number: u128| {
            let mut body = bench.recorded();
            body["requestId"] = json!(Uuid::from_u128(number));
            *bench.world.incoming.lock().unwrap() = ("PENDING", 0);
            body
        };
        bench.world.card_says(400, json!({"error": {"code": "invalid_request", "description": "no money"}}));
        let (status, told, _) = bench.tapped(&case(1), STANDING).await;
        assert_eq!((status.as_u16(), &told["error"]["code"]), (402, &json!("card_declined")));
        assert_eq!(told["error"]["description"], "no money");
        assert_eq!(told["requestId"], json!(Uuid::from_u128(1)));

        bench.world.card_says(504, json!("Gateway Timeout"));
        let mut unnamed = case(2);
        unnamed["requestId"] = json!(Uuid::from_u128(2));
        let (status, told, _) = bench.tapped(&unnamed, STANDING).await;
        assert_eq!((status.as_u16(), &told["error"]["code"]), (504, &json!("issuer_timeout")));

        *bench.world.address_document.lock().unwrap() = json!({"id": "x"});
        let (status, told, _) = bench.tapped(&case(3), STANDING).await;
        assert_eq!((status.as_u16(), &told["error"]["code"]), (400, &json!("no_card_service")));

        let mut elsewhere = case(4);
        elsewhere["senderWalletAddress"] = json!(format!("{}/accounts/nobody", bench.world.base.lock().unwrap()));
        let (status, told, _) = bench.tapped(&elsewhere, STANDING).await;
        assert_eq!((status.as_u16(), &told["error"]["code"]), (502, &json!("sender_unreachable")));

        *bench.world.knows_merchant.lock().unwrap() = false;
        let (status, told, _) = bench.tapped(&case(5), STANDING).await;
        assert_eq!((status.as_u16(), &told["error"]["code"]), (404, &json!("unknown_receiver")));
    }

    async fn no_private_address_is_called_whoever_names_it(database) {
        let mut bench = Bench::new(database, Links::Open).await;
        let base = bench.world.base.lock().unwrap().clone();
        let guarded = |hosts: &[&str]| {
            let except_hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
            let strangers = Strangers::PublicAddresses { except_hosts };
            let config = OutboundConfig { scheme: Scheme::AsWritten, strangers, ..OutboundConfig::default() };
            service_calling(config, &bench.database, &bench.clock, &base, Links::Open)
        };
        // A card names its wallet address, and this one names its card service.
        let (nowhere, only_the_address) = (guarded(&[]), guarded(&["127.0.0.1"]));
        bench.service = nowhere;
        let (status, told, _) = bench.tapped(&bench.recorded(), STANDING).await;
        assert_eq!((status.as_u16(), &told["error"]["code"]), (502, &json!("sender_unreachable")), "{told}");

        bench.service = only_the_address;
        let port = base.rsplit(':').next().unwrap().to_owned();
        let private = ["https://10.0.0.9", "https://169.254.169.254", "https://[::1]", "https://localhost", "http://localhost"];
        for (number, place) in private.into_iter().enumerate() {
            let service = format!("{place}:{port}/cards/");
            *bench.world.address_document.lock().unwrap() = json!({"id": "x", "cardService": service});
            *bench.world.incoming.lock().unwrap() = ("PENDING", 0);
            let mut body = bench.recorded();
            body["requestId"] = json!(Uuid::from_u128(number as u128));
            let (status, told, _) = bench.tapped(&body, STANDING).await;
            assert_eq!((status.as_u16(), &told["error"]["code"]), (400, &json!("no_card_service")), "{place}: {told}");
        }
        assert!(bench.world.card_requests.lock().unwrap().is_empty());
    }

    async fn money_that_does_not_arrive_in_time_is_a_failure_and_what_did_arrive_goes_back(database) {
        let bench = Bench::new(database, Links::Open).await;
        *bench.world.arrives.lock().unwrap() = 400;
        let mut body = bench.recorded();
        body["requestId"] = json!(Uuid::from_u128(1));
        let (status, told, _) = bench.tapped(&body, PASSING).await;
        assert_eq!((status.as_u16(), &told["error"]["code"]), (504, &json!("settlement_timeout")), "{told}");
        assert_eq!(bench.world.calls_of("CompleteReceiver").len(), 1, "closed before it is said");

        bench.work().await;
        let back = bench.world.calls_of("CreateReceiver");
        assert_eq!(back[0]["incomingAmount"]["value"], json!("400"));
        assert_eq!(back[0]["walletAddressUrl"], body["senderWalletAddress"]);
        assert!(back[0]["idempotencyKey"].is_string());
        // The clock of this test advances by itself, so a lease may end early. A repetition has the same key.
        assert!(back.iter().all(|again| again == &back[0]), "{back:?}");
        let paid = bench.world.calls_of("PayIncomingPayment");
        assert!(!paid.is_empty() && paid.iter().all(|again| again == &paid[0]), "{paid:?}");
        let (_, told) = bench.get(&format!("/payments/{}", Uuid::from_u128(1))).await;
        assert_eq!((&told["state"], &told["refund"]["state"]), (&json!("failed"), &json!("refunded")));
    }

    async fn money_that_arrived_is_approved_even_if_the_card_service_declines(database) {
        let bench = Bench::new(database, Links::Open).await;
        *bench.world.incoming.lock().unwrap() = ("COMPLETED", 1000);
        bench.world.card_says(504, json!("Gateway Timeout"));
        let (status, answer, _) = bench.tapped(&bench.recorded(), STANDING).await;
        assert_eq!((status, answer), (StatusCode::OK, json!({"result": {"code": "approved"}})));
    }

    async fn a_card_service_that_does_not_decide_is_asked_again_under_the_same_name(database) {
        let bench = Bench::new(database, Links::Open).await;
        bench.world.card_says(503, json!("Server is in the process of restarting"));
        let body = bench.recorded();
        let answered = bench.tapped(&body, PASSING);
        let recovers = async {
            testkit::until(Duration::from_secs(20), || async {
                (bench.world.card_requests.lock().unwrap().len() >= 2).then_some(())
            }).await.unwrap();
            bench.world.card_says(201, json!({"requestId": "x", "result": {"code": "approved"}}));
        };
        let ((status, ..), ()) = tokio::join!(answered, recovers);
        let requests = bench.world.card_requests.lock().unwrap().clone();
        let first = requests[0].1["requestId"].clone();
        assert!(requests.len() >= 2 && requests.iter().all(|(_, body)| body["requestId"] == first));
        // The time has advanced meanwhile, so the deadline may have passed.
        assert!(status == StatusCode::OK || status == StatusCode::GATEWAY_TIMEOUT);
    }

    async fn what_one_process_began_another_ends(database) {
        let bench = Bench::new(database, Links::Open).await;
        let other = bench.another_process();
        let body = bench.recorded();
        let waiting = bench.send(bench.request("POST", "/payment", &body, None));
        let worked = async {
            while other.work_due().await.unwrap() == 0 {
                tokio::task::yield_now().await;
            }
        };
        let ((status, answer, _), ()) = tokio::join!(waiting, worked);
        assert_eq!((status, answer), (StatusCode::OK, json!({"result": {"code": "approved"}})));
    }

    async fn a_refund_is_made_once_however_often_it_is_asked_for(database) {
        let bench = Bench::new(database, Links::Open).await;
        let mut body = bench.recorded();
        body["requestId"] = json!(Uuid::from_u128(1));
        let path = format!("/payments/{}/refund", Uuid::from_u128(1));
        let ask = || bench.send(bench.request("POST", &path, &Value::Null, None));
        assert_eq!(ask().await.0, StatusCode::NOT_FOUND);
        bench.tapped(&body, STANDING).await;
        for _ in 0..2 {
            assert_eq!(ask().await.0, StatusCode::ACCEPTED);
            bench.work().await;
        }
        let (_, told, _) = ask().await;
        assert_eq!(told["refund"]["state"], "refunded");
        assert_eq!(bench.world.calls_of("PayIncomingPayment").len(), 1);
    }

    async fn a_refund_is_tried_for_half_a_day_and_can_then_be_asked_for_again(database) {
        let bench = Bench::new(database, Links::Open).await;
        bench.approved_tap().await;
        *bench.world.refused.lock().unwrap() = Some(("CreateReceiver", "INTERNAL_SERVER_ERROR"));
        assert_eq!(bench.ask_refund().await, json!({"state": "pending"}));
        bench.work_for(Duration::from_hours(11)).await;
        assert_eq!(bench.ask_refund().await, json!({"state": "pending"}));
        let names: BTreeSet<_> = bench.keys_of("CreateReceiver").iter().map(Value::to_string).collect();
        assert_eq!(names.len(), 2, "for the exact amount, and for any: {names:?}");
        // Here each pause lasts up to a minute longer.
        bench.work_for(Duration::from_hours(5)).await;
        let (_, told) = bench.get(&format!("/payments/{}", Uuid::from_u128(1))).await;
        assert_eq!(told["refund"], json!({"state": "failed", "reason": "it is refused", "retryable": true}));
        assert!(bench.world.calls_of("PayIncomingPayment").is_empty());

        *bench.world.refused.lock().unwrap() = None;
        let (first, second) = tokio::join!(bench.ask_refund(), bench.ask_refund());
        assert_eq!((&first["state"], &second["state"]), (&json!("pending"), &json!("pending")));
        bench.work().await;
        assert_eq!(bench.ask_refund().await, json!({"state": "refunded"}));
        bench.work().await;
        assert_eq!(bench.world.calls_of("PayIncomingPayment").len(), 1);
    }

    async fn a_refund_of_which_nothing_was_paid_is_made_under_other_names_when_it_is_asked_for_again(database) {
        let bench = Bench::new(database, Links::Open).await;
        bench.approved_tap().await;
        (*bench.world.refund_state.lock().unwrap(), *bench.world.refund_sent.lock().unwrap()) = ("CANCELLED", 0);
        bench.ask_refund().await;
        bench.work().await;
        assert_eq!(bench.world.calls_of("PayIncomingPayment").len(), 1);

        *bench.world.refused.lock().unwrap() = Some(("PayIncomingPayment", "INACTIVE"));
        assert_eq!(bench.ask_refund().await["state"], "pending");
        bench.work().await;
        *bench.world.refused.lock().unwrap() = None;
        *bench.world.refund_state.lock().unwrap() = "COMPLETED";
        assert_eq!(bench.ask_refund().await["state"], "pending");
        bench.work().await;
        assert_eq!(bench.ask_refund().await, json!({"state": "refunded"}));
        let names = ["refund payment", "refund 1 payment", "refund 2 payment"];
        assert_eq!(bench.keys_of("PayIncomingPayment"), names.map(|name| json!(format!("{} {name}", Uuid::from_u128(1)))));
    }

    async fn a_refund_that_may_have_paid_something_is_not_made_again(database) {
        let bench = Bench::new(database, Links::Open).await;
        bench.approved_tap().await;
        *bench.world.refund_state.lock().unwrap() = "FAILED";
        bench.ask_refund().await;
        bench.work().await;
        let told = bench.ask_refund().await;
        assert_eq!((&told["state"], &told["retryable"]), (&json!("failed"), &json!(false)), "a part of it was sent");
        bench.work().await;
        assert_eq!(bench.world.calls_of("PayIncomingPayment").len(), 1);
    }

    async fn a_refund_whose_payment_may_exist_is_not_made_again(database) {
        let bench = Bench::new(database, Links::Open).await;
        bench.approved_tap().await;
        *bench.world.refused.lock().unwrap() = Some(("PayIncomingPayment", "INTERNAL_SERVER_ERROR"));
        bench.ask_refund().await;
        bench.work().await;
        // The receiver is gone, perhaps because it was paid.
        *bench.world.refused.lock().unwrap() = Some(("Receiver", "NOT_FOUND"));
        bench.work().await;
        let told = bench.ask_refund().await;
        assert_eq!((&told["state"], &told["retryable"]), (&json!("failed"), &json!(false)));
        bench.work().await;
        assert_eq!(bench.keys_of("PayIncomingPayment").len(), 1);
    }

    async fn a_payment_of_a_refund_is_not_asked_for_when_the_backend_may_have_forgotten_its_key(database) {
        let bench = Bench::new(database, Links::Open).await;
        bench.approved_tap().await;
        *bench.world.refused.lock().unwrap() = Some(("PayIncomingPayment", "INTERNAL_SERVER_ERROR"));
        bench.ask_refund().await;
        bench.work().await;
        let before = bench.world.calls_of("PayIncomingPayment").len();
        assert!(before > 0);
        // No process runs for a day.
        bench.clock.advance(Duration::from_hours(24));
        *bench.world.refused.lock().unwrap() = None;
        bench.work().await;
        let told = bench.ask_refund().await;
        assert_eq!((&told["state"], &told["retryable"]), (&json!("failed"), &json!(false)), "{told}");
        assert_eq!(bench.world.calls_of("PayIncomingPayment").len(), before);
    }

    async fn events_are_believed_with_their_signature_only_and_any_of_them_is_taken(database) {
        let bench = Bench::new(database, Links::Open).await;
        assert_eq!(bench.event("incoming_payment.completed", None).await, StatusCode::UNAUTHORIZED);
        assert_eq!(bench.event("incoming_payment.completed", Some("another")).await, StatusCode::UNAUTHORIZED);
        for kind in ["incoming_payment.completed", "incoming_payment.expired", "incoming_payment.partial_payment_received"] {
            assert_eq!(bench.event(kind, Some(SECRET)).await, StatusCode::OK, "{kind}: nobody waits, and that is no fault");
        }
    }

    async fn an_event_that_is_played_again_does_nothing(database) {
        let bench = Bench::new(database, Links::Open).await;
        assert_eq!(bench.tapped(&bench.recorded(), STANDING).await.0, StatusCode::OK);
        let calls = bench.world.calls.lock().unwrap().len();
        for _ in 0..3 {
            assert_eq!(bench.event("incoming_payment.completed", Some(SECRET)).await, StatusCode::OK);
        }
        assert_eq!(bench.service.work_due().await.unwrap(), 0);
        assert_eq!(bench.world.calls.lock().unwrap().len(), calls);
    }

    async fn the_list_shows_payments_and_nothing_of_the_tenant(database) {
        let bench = Bench::new(database, Links::Open).await;
        let (status, list) = bench.get(&format!("/payments?receiverWalletAddress={MERCHANT}&first=10&sortOrder=ASC")).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(list["pagination"], json!({"startCursor": "a", "endCursor": "b", "hasNextPage": false,
            "hasPreviousPage": true}));
        assert_eq!(list["result"][0]["id"], INCOMING);
        assert!(!list.to_string().contains("hidden") && list["result"][0].get("tenant").is_none(), "{list}");
        let address = format!("receiverWalletAddress={MERCHANT}");
        for wrong in ["first=1000", "sortOrder=UP", "state=PAID", "from=yesterday"] {
            let (status, _) = bench.get(&format!("/payments?{address}&{wrong}")).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}");
        }
        assert_eq!(bench.get("/payments?receiverWalletAddress=x").await.0, StatusCode::BAD_REQUEST);
    }

    async fn the_list_is_restricted_to_a_state_and_a_period(database) {
        let bench = Bench::new(database, Links::Open).await;
        let filters = || bench.world.calls_of("CardIncomingPayments").into_iter().map(|asked| asked["filter"].clone());
        let list = format!("/payments?receiverWalletAddress={MERCHANT}");
        assert_eq!(bench.get(&list).await.0, StatusCode::OK);
        let by_card = json!({"initiatedBy": {"in": ["CARD"]}});
        assert_eq!(filters().next_back(), Some(by_card), "a backend of the original understands it");
        let day = "state=COMPLETED&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z";
        assert_eq!(bench.get(&format!("{list}&{day}")).await.0, StatusCode::OK);
        assert_eq!(filters().next_back(), Some(json!({"initiatedBy": {"in": ["CARD"]}, "state": {"in": ["COMPLETED"]},
            "from": "2026-01-01T00:00:00.000Z", "to": "2026-01-02T00:00:00.000Z"})));
    }

    async fn a_terminal_signs_and_speaks_for_its_own_merchant_until_it_is_revoked(database) {
        let bench = Bench::new(database, Links::Closed).await;
        let key = SigningKey::from_seed(&[7; 32]);
        let terminal = NewTerminal { id: "terminal-1".to_owned(), merchant: MERCHANT.parse().unwrap(),
            name: "Till".to_owned(), key: key.public_key().unwrap() };
        PointOfSale::add_terminal(&bench.database, &terminal, bench.clock.now()).await.unwrap();
        let own = Signer::new(key, "terminal-1").unwrap();
        let stranger = Signer::new(SigningKey::from_seed(&[8; 32]), "terminal-1").unwrap();
        let unknown = Signer::new(SigningKey::from_seed(&[7; 32]), "terminal-2").unwrap();
        let list = format!("/payments?receiverWalletAddress={MERCHANT}");
        let ask = |path: &str, signer: Option<&Signer>| {
            let request = bench.request("GET", path, &Value::Null, signer);
            async { bench.send(request).await.0.as_u16() }
        };
        assert_eq!(ask(&list, None).await, 401);
        for path in ["/payments", "/payments?first=x", "/totals", "/payments/x", &format!("/payments/{INCOMING}")] {
            assert_eq!(ask(path, None).await, 401, "{path}");
        }
        assert_eq!(ask(&list, Some(&stranger)).await, 401);
        assert_eq!(ask(&list, Some(&unknown)).await, 401);
        assert_eq!(ask(&list, Some(&own)).await, 200);
        assert_eq!(ask("/payments?receiverWalletAddress=https://happy-life-bank-backend/accounts/planex", Some(&own)).await, 403);

        let mut foreign = bench.recorded();
        foreign["receiverWalletAddress"] = json!("https://happy-life-bank-backend/accounts/planex");
        let (status, ..) = bench.send(bench.request("POST", "/payment", &foreign, Some(&own))).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert!(bench.world.calls.lock().unwrap().iter().all(|(name, _)| name == "CardIncomingPayments"), "nothing was done");

        assert!(PointOfSale::revoke_terminal(&bench.database, "terminal-1", bench.clock.now()).await.unwrap());
        assert_eq!(ask(&list, Some(&own)).await, 401);
    }
}

#[test]
fn while_the_process_ends_requests_are_sent_elsewhere() {
    testkit::block_on(async {
        let bench = Bench::new(TestDatabase::sqlite().await, Links::Open).await;
        bench.gate.close();
        assert_eq!(bench.get("/healthz").await.0, StatusCode::SERVICE_UNAVAILABLE);
    });
}
