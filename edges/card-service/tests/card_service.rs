//! The card service against an instance that the test plays: recorded requests in, recorded answers out, and every
//! payment once.
//! The real instance is tested with the binary.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as expected")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use admin_client::{AdminClient, Credentials};
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use card_service::{Callers, CardService, CardServicePorts, CardServiceSettings, PointOfSaleKeys, Tenants};
use clock::{Clock, ManualClock};
use http_kit::{EventVerification, ServiceIdentities, ShutdownGate, Unsigned};
use http_signatures::{Freshness, Jwk, JwkSet, Signer, SigningKey, TargetOrigin};
use open_payments_client::{KeySets, KeySetsConfig, PublicResources, RetryPolicy};
use outbound_http::{Outbound, OutboundConfig};
use serde_json::{Value, json};
use service_auth::Service;
use shared_cache::{InProcessCache, InProcessLimits, Limiter, Rate, SharedCache};
use testkit::TestDatabase;
use tower::ServiceExt;
use uuid::Uuid;

const SECRET: &str = "a secret of both";
const REQUEST: &str = "5b6ad3f2-0e4e-4d6b-9d3b-0f1f5a3f6f4e";
const PAYMENT: &str = "0c5f2c33-98a4-4cb6-8b7e-53a4d1c1f6a4";

/// The answers of both card services to the same situations, and what both points of sale make of them. Those of the
/// original are recorded.
const MIXES: &str = include_str!("mixes.json");

/// The answer of the original's point of sale to its terminal, for the answer of a card service.
fn their_point_of_sale(status: u16, answer: &Value) -> (u16, Value) {
    // Its HTTP client takes every other status for an error, and every error becomes the same answer.
    match answer["result"]["code"].as_str().filter(|_| (200..300).contains(&status)) {
        // The money arrives then.
        Some(code @ ("approved" | "invalid_signature")) => (200, json!({"result": {"code": code}})),
        _ => (400, json!({"error": {"code": "invalid_request"}})),
    }
}

/// Whether an answer has the recorded one's form: its members, with these texts, except `text`, which is any text.
fn has_form(answer: &Value, recorded: &Value, request: &Value) -> bool {
    match recorded {
        Value::Object(members) => {
            let own = answer.as_object().map(|own| own.keys().collect::<Vec<_>>());
            own == Some(members.keys().collect())
                && members.iter().all(|(name, value)| has_form(&answer[name], value, request))
        }
        Value::String(text) if text == "text" => answer.as_str().is_some_and(|text| !text.is_empty()),
        Value::String(text) if text == "REQUEST" => answer == request,
        other => answer == other,
    }
}

/// The backend of the card holder, and the key set of the merchant's institution.
struct Instance {
    calls: Mutex<Vec<(String, Value)>>,
    /// The tenants that have signed requests, in turn.
    tenants: Mutex<Vec<String>>,
    /// The payment's state, its metadata, and whether a cancellation comes too late.
    state: Mutex<(&'static str, Value)>,
    cancel_conflicts: Mutex<bool>,
    /// Operations that are refused, with code and message.
    errors: Mutex<Vec<(&'static str, &'static str, &'static str)>>,
    knows_address: Mutex<bool>,
    key: Jwk,
}

impl Instance {
    fn set(&self, state: &'static str, metadata: Value) {
        *self.state.lock().unwrap() = (state, metadata);
    }

    /// From now on it refuses this operation only.
    fn refuses(&self, operation: &'static str, code: &'static str, message: &'static str) {
        *self.errors.lock().unwrap() = vec![(operation, code, message)];
    }

    fn calls_of(&self, operation: &str) -> Vec<Value> {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|(name, _)| name == operation).map(|(_, input)| input.clone()).collect()
    }

    fn answer(&self, operation: &str, variables: &Value) -> Value {
        self.calls.lock().unwrap().push((operation.to_owned(), variables["input"].clone()));
        if let Some((_, code, told)) = self.errors.lock().unwrap().iter().find(|(name, ..)| *name == operation) {
            return json!({"errors": [{"message": told, "extensions": {"code": code}}], "data": null});
        }
        let usd = |value: &str| json!({"value": value, "assetCode": "USD", "assetScale": 2});
        let data = match operation {
            "WalletAddressByUrl" if !*self.knows_address.lock().unwrap() => json!({"walletAddressByUrl": null}),
            "WalletAddressByUrl" => {
                json!({"walletAddressByUrl": {"id": Uuid::from_u128(1), "address": variables["url"],
                "publicName": null, "asset": {"id": Uuid::from_u128(2), "code": "USD", "scale": 2}}})
            }
            "Receiver" => json!({"receiver": {"id": variables["id"], "walletAddressUrl": "https://hl.example/pfry",
                "completed": false, "expiresAt": null, "incomingAmount": usd("1000"), "receivedAmount": usd("0")}}),
            "PayIncomingPayment" => {
                json!({"createOutgoingPaymentFromIncomingPayment": {"payment": self.payment()}})
            }
            "OutgoingPayment" => json!({"outgoingPayment": self.payment()}),
            "CancelOutgoingPayment" if *self.cancel_conflicts.lock().unwrap() => {
                self.set("SENDING", Value::Null);
                return json!({"errors": [{"message": "wrong state", "extensions": {"code": "CONFLICT"}}], "data": null});
            }
            "CancelOutgoingPayment" => {
                self.set("CANCELLED", Value::Null);
                json!({"cancelOutgoingPayment": {"payment": {"id": PAYMENT}}})
            }
            other => panic!("{other} is not expected"),
        };
        json!({"data": data})
    }

    fn payment(&self) -> Value {
        let (state, metadata) = self.state.lock().unwrap().clone();
        let usd = json!({"value": "1000", "assetCode": "USD", "assetScale": 2});
        json!({"id": PAYMENT, "walletAddressId": Uuid::from_u128(1), "state": state, "error": null, "stateAttempts": 0,
            "debitAmount": usd, "receiveAmount": usd, "sentAmount": usd, "receiver": "", "metadata": metadata})
    }
}

async fn graphql(State(instance): State<Arc<Instance>>, headers: HeaderMap, Json(body): Json<Value>) -> Json<Value> {
    let tenant = headers["tenant-id"].to_str().unwrap().to_owned();
    instance.tenants.lock().unwrap().push(tenant);
    let document = body["query"].as_str().unwrap();
    Json(instance.answer(document.split([' ', '(']).nth(1).unwrap(), &body["variables"]))
}

async fn keys(State(instance): State<Arc<Instance>>) -> Json<JwkSet> {
    Json(JwkSet { keys: vec![instance.key.clone()] })
}

struct Bench {
    instance: Arc<Instance>,
    service: CardService,
    gate: ShutdownGate,
    clock: Arc<ManualClock>,
    merchants_institution: String,
    database: TestDatabase,
}

/// Whether points of sale have to sign.
#[derive(Clone, Copy)]
enum Links {
    Open,
    Closed,
}

fn signer(seed: u8) -> Signer {
    Signer::new(SigningKey::from_seed(&[seed; 32]), "key-of-happy-life").unwrap()
}

impl Bench {
    async fn new(database: TestDatabase, links: Links) -> Self {
        let instance = Arc::new(Instance {
            calls: Mutex::default(),
            tenants: Mutex::default(),
            state: Mutex::new(("FUNDING", Value::Null)),
            cancel_conflicts: Mutex::new(false),
            errors: Mutex::default(),
            knows_address: Mutex::new(true),
            key: signer(1).jwk().clone(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new()
            .route("/graphql", post(graphql))
            .route("/.well-known/pay/jwks.json", get(keys))
            .with_state(Arc::clone(&instance));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        CardService::migrate(&database).await.unwrap();
        let clock = testkit::manual_clock();
        let service = service(&database, &clock, &base, links);
        Self { instance, service, gate: ShutdownGate::default(), clock, merchants_institution: base, database }
    }

    /// Another process on the same database.
    fn another_process(&self) -> CardService {
        service(&self.database, &self.clock, &self.merchants_institution, Links::Open)
    }

    /// The request as it was recorded from the original's point of sale.
    fn recorded(&self) -> Value {
        json!({
            "requestId": REQUEST, "signature": "signature", "payload": "payload",
            "amount": {"value": "1000", "assetScale": 2, "assetCode": "USD"},
            "senderWalletAddress": "https://cloud-nine-wallet-backend/accounts/gfranklin",
            "incomingPaymentUrl": format!("{}/cf5f/incoming-payments/b3", self.merchants_institution),
            "timestamp": self.clock.now().as_millis(),
        })
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, Value) {
        let response = card_service::http::router(self.service.clone(), self.gate.clone()).oneshot(request).await;
        let response = response.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::String(String::from_utf8_lossy(&body).into_owned())))
    }

    async fn pay(&self, body: &Value, headers: HeaderMap) -> (StatusCode, Value) {
        let mut request =
            Request::post("/payment").header("content-type", "application/json").header("host", "card.example");
        request.headers_mut().unwrap().extend(headers);
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// Sends a request and works until it is answered.
    async fn paid(&self, body: &Value) -> (StatusCode, Value) {
        let step = async || {
            if self.service.work_due().await.unwrap() == 0 {
                tokio::task::yield_now().await;
            }
        };
        testkit::answered_while(self.pay(body, HeaderMap::new()), step).await
    }

    /// What is due during this time is done.
    async fn work_for(&self, time: Duration) {
        for _ in 0..10 {
            self.clock.advance(time / 10);
            while self.service.work_due().await.unwrap() > 0 {}
        }
    }

    /// The result of the recorded request.
    async fn result(&self) -> (StatusCode, Value) {
        self.result_of(&json!(REQUEST)).await
    }

    async fn result_of(&self, id: &Value) -> (StatusCode, Value) {
        let path = format!("/payment/{}", id.as_str().unwrap());
        let request = Request::get(path).header("host", "card.example");
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// As [`Bench::paid`]. The pauses between attempts pass.
    async fn paid_while_time_passes(&self, body: &Value) -> (StatusCode, Value) {
        let step = async || {
            if self.service.work_due().await.unwrap() == 0 {
                self.clock.advance(Duration::from_millis(50));
                tokio::task::yield_now().await;
            }
        };
        testkit::answered_while(self.pay(body, HeaderMap::new()), step).await
    }

    /// As [`Bench::paid`]. The deadline passes while the service waits for a decision.
    async fn paid_after_the_deadline(&self, body: &Value) -> (StatusCode, Value) {
        let late = async {
            let is_waiting = || async { (!self.instance.calls_of("OutgoingPayment").is_empty()).then_some(()) };
            testkit::until(Duration::from_secs(20), is_waiting).await.unwrap();
            self.clock.advance(Duration::from_secs(31));
        };
        tokio::join!(self.paid(body), late).0
    }

    async fn event(&self, body: &Value, secret: Option<&str>) -> StatusCode {
        let mut request = Request::post("/webhook").header("content-type", "application/json");
        if let Some(secret) = secret {
            let header = admin_signature::sign(secret, 1, self.clock.now(), &admin_signature::canonical(body));
            request = request.header("rafiki-signature", header);
        }
        self.send(request.body(Body::from(body.to_string())).unwrap()).await.0
    }
}

fn service(database: &TestDatabase, clock: &Arc<ManualClock>, base: &str, links: Links) -> CardService {
    let dyn_clock = || Arc::clone(clock) as Arc<dyn Clock>;
    let http = Outbound::new(OutboundConfig::development(), dyn_clock()).unwrap();
    let admin = |tenant: u128| {
        let secret = SECRET.to_owned();
        let credentials = Credentials { tenant_id: Uuid::from_u128(tenant), secret, signature_version: 1 };
        AdminClient::new(format!("{base}/graphql").parse().unwrap(), credentials, http.clone(), dyn_clock())
    };
    let tenants = [("https://bank.example/b", 1), ("https://bank.example/b/private", 2)];
    let tenants = tenants
        .into_iter()
        .fold(Tenants::one(admin(0)), |all, (prefix, tenant)| all.with(prefix.parse().unwrap(), admin(tenant)));
    let public = PublicResources::new(http.clone(), RetryPolicy::default(), dyn_clock());
    let keys = PointOfSaleKeys {
        keys: Arc::new(KeySets::new(public, KeySetsConfig::default(), dyn_clock())),
        freshness: Freshness::default(),
        origin: TargetOrigin::Host,
    };
    let limits = InProcessLimits { entries: 100, bytes: 100_000 };
    let settings = CardServiceSettings {
        timeout: Duration::from_secs(30),
        timestamp_tolerance: Duration::from_mins(5),
        events: EventVerification {
            identities: ServiceIdentities::default(),
            service: Service::CardHooks,
            secrets: vec![SECRET.to_owned()],
            version: 1,
            tolerance: Duration::from_mins(5),
            unsigned: Unsigned::Refused,
        },
        callers: match links {
            Links::Open => Callers::Anybody(keys),
            Links::Closed => Callers::Signed(keys),
        },
        per_source: Rate::per_minute("card-requests", 0),
        per_wallet_address: Rate::per_minute("card-requests-of-payer", 20),
    };
    let ports = CardServicePorts {
        database: (**database).clone(),
        tenants,
        limiter: Limiter::new(SharedCache::InProcess(InProcessCache::new(dyn_clock(), limits)), dyn_clock()),
        clock: dyn_clock(),
        entropy: testkit::entropy(1),
    };
    CardService::new(settings, ports)
}

testkit::on_each_database! {
    async fn the_recorded_request_is_answered_as_recorded_and_paid_once_however_often_it_comes(database) {
        let bench = Bench::new(database, Links::Open).await;
        bench.instance.set("SENDING", Value::Null);
        let body = bench.recorded();
        let approved = (StatusCode::CREATED, json!({"requestId": REQUEST, "result": {"code": "approved"}}));
        assert_eq!(bench.paid(&body).await, approved);
        assert_eq!(bench.paid(&body).await, approved);

        let payments = bench.instance.calls_of("PayIncomingPayment");
        assert_eq!(payments.len(), 1);
        assert_eq!(payments[0]["incomingPayment"], body["incomingPaymentUrl"]);
        assert_eq!(payments[0]["idempotencyKey"], format!("card {REQUEST}"));
        assert_eq!(payments[0]["cardDetails"]["requestId"], REQUEST);
        assert_eq!(payments[0]["cardDetails"]["data"], json!({"signature": "signature", "payload": "payload"}));
        assert!(payments[0].get("debitAmount").is_none());

        let mut other = body.clone();
        other["payload"] = json!("another");
        let (status, told) = bench.paid(&other).await;
        assert_eq!((status, &told["error"]["code"]), (StatusCode::CONFLICT, &json!("request_id_reused")));
    }

    async fn refusals_of_the_account_servicing_entity_are_answered_as_recorded(database) {
        let bench = Bench::new(database, Links::Open).await;
        bench.instance.set("CANCELLED", json!({"cardPaymentFailureReason": "invalid_signature"}));
        let expected = json!({"requestId": REQUEST,
            "result": {"code": "invalid_signature", "description": "Invalid card signature"}});
        assert_eq!(bench.paid(&bench.recorded()).await, (StatusCode::CREATED, expected));

        bench.instance.set("CANCELLED", json!({"cancellationReason": "No money."}));
        let mut body = bench.recorded();
        body["requestId"] = json!(Uuid::from_u128(8));
        let (status, told) = bench.paid(&body).await;
        assert_eq!((status, &told["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("invalid_request")));
        let words = told["error"]["description"].as_str().unwrap();
        assert!(words.contains("unknown") && words.contains("No money.") && words.contains(PAYMENT), "{words}");
    }

    async fn the_originals_point_of_sale_tells_its_terminal_the_same_with_our_card_service_as_with_its_own(database) {
        let mixes: Vec<Value> = serde_json::from_str(MIXES).unwrap();
        let bench = Bench::new(database, Links::Open).await;
        for (number, mix) in mixes.iter().enumerate() {
            let mut body = bench.recorded();
            body["requestId"] = json!(Uuid::from_u128(number as u128));
            bench.instance.set("FUNDING", Value::Null);
            let situation = mix["situation"].as_str().unwrap();
            let (status, answer) = match situation {
                "approved" => {
                    bench.instance.set("SENDING", Value::Null);
                    bench.paid(&body).await
                }
                "wrong chip" => {
                    bench.instance.set("CANCELLED", json!({"cardPaymentFailureReason": "invalid_signature"}));
                    bench.paid(&body).await
                }
                "cancelled" => {
                    bench.instance.set("CANCELLED", json!({"cancellationReason": "No money."}));
                    bench.paid(&body).await
                }
                "unknown payer" => {
                    *bench.instance.knows_address.lock().unwrap() = false;
                    bench.paid(&body).await
                }
                "no decision" => bench.paid_after_the_deadline(&body).await,
                other => panic!("{other} is not expected"),
            };
            let (ours, theirs) = (&mix["ours"], &mix["theirs"]);
            assert_eq!(ours["status"], status.as_u16(), "{situation}");
            assert!(has_form(&answer, &ours["body"], &body["requestId"]), "{situation}: {answer}");
            let told = (mix["theirPointOfSale"]["status"].as_u64().unwrap(), &mix["theirPointOfSale"]["body"]);
            for (status, answer) in [
                (u64::from(status.as_u16()), &answer),
                (theirs["status"].as_u64().unwrap(), &theirs["body"]),
            ] {
                let (status, body) = their_point_of_sale(u16::try_from(status).unwrap(), answer);
                assert_eq!((u64::from(status), &body), told, "{situation}: {answer}");
            }
        }
        assert_eq!(mixes.len(), 5);
    }

    async fn a_decision_that_does_not_come_gives_the_payment_up_before_it_is_said(database) {
        let bench = Bench::new(database, Links::Open).await;
        let body = bench.recorded();
        let (status, told) = bench.paid_after_the_deadline(&body).await;
        assert_eq!((status, &told["error"]["code"]), (StatusCode::GATEWAY_TIMEOUT, &json!("timed_out")));
        assert_eq!(bench.instance.calls_of("CancelOutgoingPayment").len(), 1);
    }

    async fn a_payment_funded_in_the_last_moment_is_approved(database) {
        let bench = Bench::new(database, Links::Open).await;
        *bench.instance.cancel_conflicts.lock().unwrap() = true;
        let body = bench.recorded();
        let (status, told) = bench.paid_after_the_deadline(&body).await;
        assert_eq!((status, &told["result"]["code"]), (StatusCode::CREATED, &json!("approved")));
    }

    async fn what_one_process_began_another_ends(database) {
        let bench = Bench::new(database, Links::Open).await;
        let body = bench.recorded();
        let waiting = bench.pay(&body, HeaderMap::new());
        tokio::pin!(waiting);
        let other = bench.another_process();
        bench.instance.set("SENDING", Value::Null);
        let worked = async {
            while other.work_due().await.unwrap() == 0 {
                tokio::task::yield_now().await;
            }
        };
        let ((status, told), ()) = tokio::join!(&mut waiting, worked);
        assert_eq!((status, &told["result"]["code"]), (StatusCode::CREATED, &json!("approved")));
    }

    async fn each_wallet_address_is_that_of_the_tenant_with_the_longest_prefix(database) {
        let bench = Bench::new(database, Links::Open).await;
        bench.instance.set("SENDING", Value::Null);
        for (number, (address, tenant)) in [
            ("https://bank.example/b/anna", 1),
            ("https://bank.example/b/private/otto", 2),
            ("https://bank.example/b/privateer", 1),
            ("https://bank.example/bb/anna", 0),
            ("https://other.example/b/anna", 0),
        ].into_iter().enumerate() {
            bench.instance.tenants.lock().unwrap().clear();
            let mut body = bench.recorded();
            (body["requestId"], body["senderWalletAddress"]) = (json!(Uuid::from_u128(number as u128)), json!(address));
            assert_eq!(bench.paid(&body).await.0, StatusCode::CREATED, "{address}");
            let tenants = bench.instance.tenants.lock().unwrap().clone();
            let expected = Uuid::from_u128(tenant).to_string();
            assert!(tenants.len() > 2 && tenants.iter().all(|own| *own == expected), "{address}: {tenants:?}");
        }
    }

    async fn every_refusal_comes_before_a_payment_exists(database) {
        let bench = Bench::new(database, Links::Open).await;
        let case = |number: u128, change: &dyn Fn(&mut Value)| {
            let mut body = bench.recorded();
            body["requestId"] = json!(Uuid::from_u128(number));
            change(&mut body);
            body
        };
        for (body, status, code) in [
            (case(1, &|body| body["amount"]["value"] = json!("999")), 400, "amount_mismatch"),
            (case(2, &|body| body["amount"]["assetCode"] = json!("EUR")), 400, "amount_mismatch"),
            (case(3, &|body| body["timestamp"] = json!(1)), 400, "stale_request"),
            (case(4, &|body| body["senderWalletAddress"] = json!("alice")), 400, "invalid_request"),
        ] {
            let (told, answer) = bench.paid(&body).await;
            assert_eq!((told.as_u16(), &answer["error"]["code"]), (status, &json!(code)), "{body}");
        }
        bench.instance.refuses("Receiver", "NOT_FOUND", "unknown receiver");
        let (told, answer) = bench.paid(&case(5, &|_| {})).await;
        assert_eq!((told.as_u16(), &answer["error"]["code"]), (400, &json!("invalid_receiver")));
        *bench.instance.knows_address.lock().unwrap() = false;
        let (told, answer) = bench.paid(&case(6, &|_| {})).await;
        assert_eq!((told.as_u16(), &answer["error"]["code"]), (404, &json!("unknown_wallet_address")));
        assert_eq!(bench.instance.calls_of("PayIncomingPayment").len(), 0);
    }

    async fn an_instance_that_makes_no_payment_is_reported_with_its_reason(database) {
        let bench = Bench::new(database, Links::Open).await;
        for (number, (code, words, status, told)) in [
            ("INACTIVE", "inactive wallet address", 400, "inactive_wallet_address"),
            ("BAD_USER_INPUT", "invalid receiver", 400, "invalid_receiver"),
            ("BAD_USER_INPUT", "non-positive receive amount; send at least 0.05 USD", 400, "invalid_amount"),
            ("BAD_USER_INPUT", "negative receive amount", 400, "invalid_amount"),
            ("FORBIDDEN", "Insufficient scope", 500, "not_allowed"),
            ("INTERNAL_SERVER_ERROR", "could not convert between assets", 500, "no_rates"),
            ("INTERNAL_SERVER_ERROR", "the receiver cannot be paid over Interledger now: X", 500, "creation_failed"),
        ].into_iter().enumerate() {
            bench.instance.refuses("PayIncomingPayment", code, words);
            let mut body = bench.recorded();
            body["requestId"] = json!(Uuid::from_u128(number as u128));
            let (found, answer) = bench.paid_while_time_passes(&body).await;
            assert_eq!((found.as_u16(), &answer["error"]["code"]), (status, &json!(told)), "{answer}");
            assert_eq!(answer["error"]["description"], words);
        }
    }

    async fn while_it_is_not_known_whether_a_payment_exists_nobody_is_told_that_there_is_none(database) {
        let bench = Bench::new(database, Links::Open).await;
        let body = bench.recorded();
        bench.instance.refuses("PayIncomingPayment", "INTERNAL_SERVER_ERROR", "Internal server error");
        let (status, told) = bench.paid_while_time_passes(&body).await;
        assert_eq!((status.as_u16(), &told["error"]["code"]), (504, &json!("unknown")), "{told}");
        assert_eq!(told["error"]["retryable"], true);
        for (code, words) in [("FORBIDDEN", "Insufficient scope"), ("GRAPHQL_VALIDATION_FAILED", "Unknown field")] {
            bench.instance.refuses("PayIncomingPayment", code, words);
            bench.work_for(Duration::from_secs(10)).await;
            assert_eq!(bench.result().await.0, StatusCode::ACCEPTED, "{code}: the instance has not looked for the payment");
        }

        // The first call had created it, and the account-servicing entity had funded it.
        bench.instance.set("SENDING", Value::Null);
        bench.instance.errors.lock().unwrap().clear();
        bench.work_for(Duration::from_secs(10)).await;
        let (status, told) = bench.result().await;
        assert_eq!((status, &told["result"]["code"]), (StatusCode::CREATED, &json!("approved")));
        let calls = bench.instance.calls_of("PayIncomingPayment");
        assert!(calls.len() > 4 && calls.iter().all(|call| call == &calls[0]), "{calls:?}");
    }

    async fn a_backend_that_cannot_say_for_an_hour_whether_a_payment_exists_is_asked_no_more(database) {
        let bench = Bench::new(database, Links::Open).await;
        for (number, operation) in ["PayIncomingPayment", "WalletAddressByUrl"].into_iter().enumerate() {
            let mut body = bench.recorded();
            body["requestId"] = json!(Uuid::from_u128(number as u128));
            bench.instance.refuses("PayIncomingPayment", "INTERNAL_SERVER_ERROR", "Internal server error");
            assert_eq!(bench.paid_while_time_passes(&body).await.0, StatusCode::GATEWAY_TIMEOUT);
            bench.instance.refuses(operation, "INTERNAL_SERVER_ERROR", "Internal server error");
            bench.clock.advance(Duration::from_hours(1));
            bench.work_for(Duration::from_secs(1)).await;
            let (status, told) = bench.result_of(&body["requestId"]).await;
            assert_eq!((status.as_u16(), &told["error"]["code"]), (500, &json!("creation_failed")), "{operation}: {told}");
            let before = bench.instance.calls.lock().unwrap().len();
            bench.work_for(Duration::from_mins(1)).await;
            assert_eq!(bench.instance.calls.lock().unwrap().len(), before, "{operation}");
        }
    }

    async fn a_creation_is_not_repeated_when_the_backend_may_have_forgotten_its_key(database) {
        let bench = Bench::new(database, Links::Open).await;
        bench.instance.refuses("PayIncomingPayment", "INTERNAL_SERVER_ERROR", "Internal server error");
        assert_eq!(bench.paid_while_time_passes(&bench.recorded()).await.0, StatusCode::GATEWAY_TIMEOUT);
        // No process runs for a day.
        bench.clock.advance(Duration::from_hours(24));
        bench.instance.errors.lock().unwrap().clear();
        let before = bench.instance.calls_of("PayIncomingPayment").len();
        bench.work_for(Duration::from_mins(1)).await;
        assert_eq!(bench.result().await.1["error"]["code"], "creation_failed");
        assert_eq!(bench.instance.calls_of("PayIncomingPayment").len(), before);
    }

    async fn events_are_accepted_with_their_signature_only_and_work_does_not_wait_for_them(database) {
        let bench = Bench::new(database, Links::Open).await;
        let event = |kind: &str, request: &str| json!({"id": Uuid::from_u128(5), "type": kind,
            "data": {"id": PAYMENT, "cardDetails": {"requestId": request}}});
        let funded = event("outgoing_payment.funded", REQUEST);
        assert_eq!(bench.event(&funded, None).await, StatusCode::UNAUTHORIZED);
        assert_eq!(bench.event(&funded, Some("another")).await, StatusCode::UNAUTHORIZED);
        assert_eq!(bench.event(&funded, Some(SECRET)).await, StatusCode::OK, "a request nobody knows");
        assert_eq!(bench.event(&event("outgoing_payment.completed", REQUEST), Some(SECRET)).await, StatusCode::BAD_REQUEST);
        assert_eq!(bench.event(&event("outgoing_payment.funded", "x"), Some(SECRET)).await, StatusCode::BAD_REQUEST);
        assert_eq!(bench.service.work_due().await.unwrap(), 0);
    }

    async fn an_event_that_is_played_again_does_nothing(database) {
        let bench = Bench::new(database, Links::Open).await;
        bench.instance.set("SENDING", Value::Null);
        assert_eq!(bench.paid(&bench.recorded()).await.0, StatusCode::CREATED);
        let calls = bench.instance.calls.lock().unwrap().len();
        let funded = json!({"id": Uuid::from_u128(5), "type": "outgoing_payment.funded",
            "data": {"id": PAYMENT, "cardDetails": {"requestId": REQUEST}}});
        for _ in 0..3 {
            assert_eq!(bench.event(&funded, Some(SECRET)).await, StatusCode::OK);
        }
        assert_eq!(bench.service.work_due().await.unwrap(), 0);
        assert_eq!(bench.instance.calls.lock().unwrap().len(), calls);
        bench.clock.advance(Duration::from_mins(6));
        let old = admin_signature::sign(SECRET, 1, bench.clock.now().saturating_sub(Duration::from_mins(6)), &admin_signature::canonical(&funded));
        let request = Request::post("/webhook").header("content-type", "application/json").header("rafiki-signature", old);
        assert_eq!(bench.send(request.body(Body::from(funded.to_string())).unwrap()).await.0, StatusCode::UNAUTHORIZED);
    }

    async fn a_point_of_sale_signs_with_the_key_of_the_payees_institution(database) {
        let bench = Bench::new(database, Links::Closed).await;
        bench.instance.set("SENDING", Value::Null);
        let body = bench.recorded();
        let signed = |seed: u8| {
            let mut headers = HeaderMap::new();
            let text = body.to_string();
            signer(seed).sign("POST", "http://card.example/payment", &mut headers, text.as_bytes(), bench.clock.now()).unwrap();
            headers.remove("content-type");
            headers
        };
        // They do not use up the requests of the card holder either.
        for _ in 0..30 {
            let (unsigned, told) = bench.paid(&body).await;
            assert_eq!(unsigned, StatusCode::UNAUTHORIZED, "{told}");
        }
        assert_eq!(bench.result().await.0, StatusCode::UNAUTHORIZED, "nobody is told which requests there are");
        let (foreign, told) = bench.pay(&body, signed(2)).await;
        assert_eq!(foreign, StatusCode::UNAUTHORIZED, "{told}");
        assert_eq!(bench.instance.calls_of("WalletAddressByUrl").len(), 0, "nothing was done");
        let worked = async {
            while bench.service.work_due().await.unwrap() == 0 {
                tokio::task::yield_now().await;
            }
        };
        let ((status, told), ()) = tokio::join!(bench.pay(&body, signed(1)), worked);
        assert_eq!(status, StatusCode::CREATED, "{told}");
    }
}

#[test]
fn while_the_process_ends_requests_are_sent_elsewhere() {
    testkit::block_on(async {
        let bench = Bench::new(TestDatabase::sqlite().await, Links::Open).await;
        bench.gate.close();
        let (status, told) = bench.pay(&bench.recorded(), HeaderMap::new()).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(told, "Server is in the process of restarting");
    });
}

#[test]
fn one_payer_is_asked_for_no_more_often_than_allowed() {
    testkit::block_on(async {
        let bench = Bench::new(TestDatabase::sqlite().await, Links::Open).await;
        bench.instance.set("SENDING", Value::Null);
        let mut last = StatusCode::CREATED;
        for number in 0..21 {
            let mut body = bench.recorded();
            body["requestId"] = json!(Uuid::from_u128(number));
            last = bench.paid(&body).await.0;
        }
        assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    });
}
