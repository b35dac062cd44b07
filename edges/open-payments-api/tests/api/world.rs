//! The listener, its stand-in authorization server, and a client that signs.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::routing::{get, post};
use clock::{Clock, ManualClock, SystemEntropy, Timestamp};
use gnap::{AccessType, Action};
use http_kit::ShutdownGate;
use http_signatures::{Freshness, Signer, SigningKey, TargetOrigin};
use open_payments_api::{Backend, OpenPaymentsApi, Settings, WrongGuesses, router};
use open_payments_client::{KeySets, KeySetsConfig, PublicResources, RetryPolicy};
use outbound_http::{Outbound, OutboundConfig};
use serde_json::{Value, json};
use shared_cache::{InProcessCache, InProcessLimits, Limiter, Rate, SharedCache};
use token_introspection::IntrospectionClient;
use tower::ServiceExt;

use crate::fake_backend::{FakeBackend, State};

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);
pub(crate) const TENANT: &str = "438fa74a-fa7d-4317-9ced-dde32ece1787";
pub(crate) const OTHER_TENANT: &str = "538fa74a-fa7d-4317-9ced-dde32ece1788";
pub(crate) const ALICE: &str = "https://wallet.example/accounts/alice";
pub(crate) const CLIENT: &str = "https://client.example/app";
pub(crate) const RECEIVER: &str = "https://b.example/t/incoming-payments/08394f02-7b7b-45e2-b645-51d04e7c330c";

/// What introspection answers next, and what it was asked last.
#[derive(Debug, Default)]
pub(crate) struct Authority {
    pub(crate) answer: Value,
    pub(crate) asked: Value,
    pub(crate) status: Option<u16>,
}

pub(crate) struct World {
    pub(crate) backend: Arc<FakeBackend>,
    pub(crate) authority: Arc<Mutex<Authority>>,
    pub(crate) signer: Signer,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) gate: ShutdownGate,
    /// The client's wallet address, whose keys are really served.
    pub(crate) client: String,
    service: Router,
    build: Box<dyn Fn(Arc<dyn Backend>) -> Router + Send + Sync>,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and description of a refusal in the JSON shape.
    pub(crate) fn refusal(&self) -> (u16, String) {
        let body = self.json();
        assert_eq!(body["error"]["code"], self.status.as_str());
        (self.status.as_u16(), body["error"]["description"].as_str().unwrap().to_owned())
    }
}

pub(crate) fn refused(status: u16, description: &str) -> (u16, String) {
    (status, description.to_owned())
}

/// A request to be sent as it is, or signed first.
pub(crate) struct Call {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: String,
}

impl Call {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), headers: HeaderMap::new(), body: String::new() }
    }

    pub(crate) fn post(path: impl Into<String>, body: &Value) -> Self {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let call = Self { method: Method::POST, path: path.into(), headers: HeaderMap::new(), body };
        call.header("content-type", "application/json")
    }

    pub(crate) fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, value.parse().unwrap());
        self
    }

    /// A further line of a header.
    pub(crate) fn also(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(name, value.parse().unwrap());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    pub(crate) fn raw_body(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    pub(crate) fn token(self) -> Self {
        self.header("authorization", "GNAP token")
    }

    /// Adds a token and a signature.
    pub(crate) fn signed(self, world: &World) -> Self {
        self.token().only_signed(&world.signer, world.clock.now())
    }

    pub(crate) fn only_signed(mut self, signer: &Signer, now: Timestamp) -> Self {
        let target = format!("http://wallet.example{}", self.path);
        signer.sign(self.method.as_str(), &target, &mut self.headers, self.body.as_bytes(), now).unwrap();
        self
    }
}

pub(crate) fn signer() -> Signer {
    Signer::new(SigningKey::from_seed(&[5; 32]), "key-1").unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        let authority = Arc::new(Mutex::new(Authority::default()));
        let told = authority.clone();
        let introspect = async move |body: Bytes| {
            let mut authority = told.lock().unwrap();
            authority.asked = serde_json::from_slice(&body).unwrap();
            let status = StatusCode::from_u16(authority.status.unwrap_or(200)).unwrap();
            (status, authority.answer.to_string())
        };
        let keys = json!({"keys": [signer().jwk()]}).to_string();
        let server = Router::new()
            .route("/introspect", post(introspect))
            .route("/app/jwks.json", get(async move || keys))
            .route("/garbage/jwks.json", get(async || "garbage"));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, server).await.unwrap() });

        let clock = Arc::new(ManualClock::at(NOW));
        let outbound = Outbound::new(OutboundConfig::development(), clock.clone()).unwrap();
        let public = PublicResources::new(outbound.clone(), RetryPolicy::default(), clock.clone());
        let client_keys = Arc::new(KeySets::new(public, KeySetsConfig::default(), clock.clone()));
        let url = format!("http://{address}/introspect").parse().unwrap();
        let settings = Settings {
            open_payments_url: "https://wallet.example/".into(),
            auth_server_grant_url: "https://auth.example".into(),
            card_service_url: None,
            own_wallet_address: "https://wallet.example/.well-known/pay".into(),
            own_key: signer().jwk().clone(),
            target: TargetOrigin::Host,
            freshness: Freshness::default(),
            spsp: true,
            wait_for_document: false,
            redirect_html_page: Some("https://pages.example/%wp?url=%ewa".into()),
        };
        let backend = Arc::new(FakeBackend::default());
        let introspection = IntrospectionClient::new(outbound, url);
        let cache = SharedCache::InProcess(InProcessCache::new(clock.clone(), InProcessLimits::default()));
        let gate = ShutdownGate::default();
        let (time, door) = (clock.clone(), gate.clone());
        let build = move |backend: Arc<dyn Backend>| {
            let (introspection, keys, cache) = (introspection.clone(), client_keys.clone(), cache.clone());
            let limiter = Limiter::new(cache.clone(), time.clone());
            let guesses = WrongGuesses { limiter, rate: Rate::per_minute("test", 30) };
            let entropy = Arc::new(SystemEntropy);
            let api =
                OpenPaymentsApi::new(settings.clone(), backend, introspection, keys, time.clone(), entropy, cache);
            router(api, guesses, door.clone())
        };
        let service = build(backend.clone());
        let client = format!("http://{address}/app");
        let world = Self { backend, authority, signer: signer(), clock, gate, client, service, build: Box::new(build) };
        world.grant(AccessType::IncomingPayment, &[Action::Create]);
        world
    }

    /// The same over another backend.
    pub(crate) fn over(mut self, backend: Arc<dyn Backend>) -> Self {
        self.service = (self.build)(backend);
        self
    }

    /// Lets introspection answer with these actions from now on.
    pub(crate) fn grant(&self, kind: AccessType, actions: &[Action]) {
        self.introspection(json!({
            "active": true, "grant": "grant-1", "client": {"walletAddress": self.client},
            "access": [{"type": kind, "actions": actions, "identifier": ALICE}],
        }));
    }

    pub(crate) fn introspection(&self, answer: Value) {
        self.authority.lock().unwrap().answer = answer;
    }

    /// Lets introspection answer with this status from now on.
    pub(crate) fn introspection_status(&self, status: u16) {
        self.authority.lock().unwrap().status = Some(status);
    }

    pub(crate) fn backend(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.backend.state.lock().unwrap());
    }

    pub(crate) async fn send(&self, call: Call) -> Answer {
        let mut request = Request::builder().method(call.method).uri(call.path).header("host", "wallet.example");
        let headers = request.headers_mut().unwrap();
        for (name, value) in &call.headers {
            headers.append(name, value.clone());
        }
        let response = self.service.clone().oneshot(request.body(Body::from(call.body)).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, text: String::from_utf8(body.to_vec()).unwrap() }
    }

    /// Sends it signed.
    pub(crate) async fn ask(&self, call: Call) -> Answer {
        self.send(call.signed(self)).await
    }
}
