//! A backend with one institution and its Admin API, and a client that signs.

use std::sync::Arc;
use std::time::Duration;

use admin_graphql::{AdminApiParts, AdminApiSettings};
use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use bytes::Bytes;
use clock::{Clock, Entropy, ManualClock};
use connector::{
    Answer, Attempt, Connector, ConnectorConfig, ConnectorPorts, LiquidityAlerts, LowLiquidity, PeerAccount, Uplink,
    UplinkError,
};
use database::Database;
use directory::Directory;
use http_signatures::{Signer, SigningKey};
use ledger::{Ledger, MemoryLedger};
use open_payments_client::{OpenPaymentsClient, PublicResources, RetryPolicy};
use outbound_http::{Outbound, OutboundConfig};
use payments::administration::{Administration, AdministrationSettings};
use payments::{LiveReceivers, Payments, PaymentsParts, PaymentsSettings, ReceiverSettings};
use payments_model::{Secret, Tenant, TenantId};
use payments_store::Store;
use rates::{FetchError, FetchRates, Rates, RatesSettings};
use serde_json::{Value, json};
use shared_cache::{DatabaseCache, DatabaseLimits, SharedCache};
use stream::ReceiverSecret;
use testkit::TestDatabase;
use tower::ServiceExt;
use url::Url;
use uuid::Uuid;
use webhooks::{Targets, Webhooks};

pub(crate) const OPERATOR: TenantId = TenantId::from_uuid(Uuid::from_u128(1));
pub(crate) const TENANT: TenantId = TenantId::from_uuid(Uuid::from_u128(2));
/// A tenant that chose the operator's secret.
pub(crate) const TWIN: TenantId = TenantId::from_uuid(Uuid::from_u128(3));

struct Nobody;

#[async_trait]
impl Uplink for Nobody {
    async fn exchange(&self, _: &PeerAccount, _: Bytes, _: Attempt, _: Duration) -> Result<Answer, UplinkError> {
        Err(UplinkError::Unreachable("no peer in this test".into()))
    }
}

#[async_trait]
impl LiquidityAlerts for Nobody {
    async fn low(&self, _: LowLiquidity) {}
}

#[async_trait]
impl FetchRates for Nobody {
    async fn fetch(&self, _: Url) -> Result<Bytes, FetchError> {
        Ok(Bytes::from_static(br#"{"base":"USD","rates":{"EUR":0.9,"XAU":0.123456789012}}"#))
    }
}

pub(crate) struct Bench {
    pub(crate) api: Router,
    ledger: Arc<dyn Ledger>,
    pub(crate) clock: Arc<ManualClock>,
    entropy: Arc<dyn Entropy>,
    pub(crate) database: TestDatabase,
}

impl Bench {
    pub(crate) async fn open(database: TestDatabase) -> Self {
        let clock = testkit::manual_clock();
        let ledger = MemoryLedger::new(Arc::clone(&clock) as Arc<dyn Clock>);
        Self::open_on(database, clock, Arc::new(ledger)).await
    }

    /// A bench whose ledger is this one.
    pub(crate) async fn open_on(database: TestDatabase, clock: Arc<ManualClock>, ledger: Arc<dyn Ledger>) -> Self {
        let time = Arc::clone(&clock) as Arc<dyn Clock>;
        let entropy = testkit::entropy(17);
        let store = Store::open((*database).clone()).await.unwrap();
        for tenant in [OPERATOR, TENANT, TWIN] {
            insert_tenant(&store, tenant, &*time).await;
        }
        database.migrate(&shared_cache::MIGRATIONS).await.unwrap();
        let api = api(store, (*database).clone(), Arc::clone(&ledger), &time, Arc::clone(&entropy));
        Self { api, ledger, clock, entropy, database }
    }

    /// The API as a second process on the same database and ledger would serve it.
    pub(crate) async fn another_process(&self) -> Router {
        let database = self.database.connect_again().await;
        let store = Store::open(database.clone()).await.unwrap();
        let time = Arc::clone(&self.clock) as Arc<dyn Clock>;
        api(store, database, Arc::clone(&self.ledger), &time, testkit::entropy(18))
    }

    pub(crate) fn uuid(&self) -> String {
        self.entropy.uuid().to_string()
    }

    /// The signature of `body` by `tenant` now. The clock moves on, so that no two are the same.
    pub(crate) fn sign(&self, tenant: TenantId, body: &Value) -> String {
        self.clock.advance(Duration::from_millis(1));
        admin_signature::sign(&secret(tenant), 1, self.clock.now(), &admin_signature::canonical(body))
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> (StatusCode, String) {
        send_to(&self.api, request).await
    }

    /// Sends `body` signed by `tenant`.
    pub(crate) async fn post(&self, tenant: TenantId, body: &Value) -> (StatusCode, Value) {
        let (status, text) = self.send(request(tenant, &self.sign(tenant, body), body)).await;
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Runs a document; the answer's `data` and `errors`.
    pub(crate) async fn run(&self, tenant: TenantId, query: &str, variables: Value) -> Value {
        let (status, answer) = self.post(tenant, &json!({ "query": query, "variables": variables })).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }

    /// Runs a mutation of one input that succeeds; its payload.
    pub(crate) async fn mutate(&self, tenant: TenantId, mutation: &str, input: Value) -> Value {
        let answer = self.run(tenant, &document(mutation), json!({ "input": input })).await;
        assert_eq!(answer.get("errors"), None, "{answer}");
        let (_, payload) = answer["data"].as_object().unwrap().iter().next().unwrap();
        payload.clone()
    }

    /// Runs a mutation of one input that is refused; the message and code.
    pub(crate) async fn refused(&self, tenant: TenantId, mutation: &str, input: Value) -> (String, String) {
        let answer = self.run(tenant, &document(mutation), json!({ "input": input })).await;
        let error = &answer["errors"][0];
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        (text(&error["message"]), text(&error["extensions"]["code"]))
    }
}

fn api(
    store: Store,
    database: Database,
    ledger: Arc<dyn Ledger>,
    time: &Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Router {
    let cache = SharedCache::Database(DatabaseCache::new(database, Arc::clone(time), DatabaseLimits::default()));
    let url: Url = "https://bank.example".parse().unwrap();
    let settings = AdministrationSettings {
        open_payments_url: url.clone(),
        own_wallet_address: url.join("/.well-known/pay").unwrap(),
        deactivation_grace: Duration::from_hours(24),
    };
    let administration =
        Administration::new(store.clone(), Arc::clone(&ledger), Arc::clone(time), Arc::clone(&entropy), settings);
    let directory = Directory::new(store.clone());
    let payments = payments(store, ledger, cache.clone(), time, &entropy, url);
    admin_graphql::router(AdminApiParts {
        administration,
        directory,
        payments,
        cache,
        clock: Arc::clone(time),
        entropy,
        settings: AdminApiSettings::new(OPERATOR),
    })
}

pub(crate) async fn send_to(api: &Router, request: Request<Body>) -> (StatusCode, String) {
    let response = api.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// `createAsset: CreateAssetInput { asset { id } }` as a document.
fn document(mutation: &str) -> String {
    let (head, selection) = mutation.split_once('{').unwrap();
    let (name, input) = head.split_once(':').unwrap();
    format!("mutation($input: {}!) {{ {name}(input: $input) {{{selection} }}", input.trim())
}

pub(crate) fn request(tenant: TenantId, signature: &str, body: &Value) -> Request<Body> {
    Request::post("/graphql")
        .header("content-type", "application/json")
        .header("tenant-id", tenant.to_string())
        .header("signature", signature)
        .body(Body::from(body.to_string()))
        .unwrap()
}

fn secret(tenant: TenantId) -> String {
    let owner = if tenant == TWIN { OPERATOR } else { tenant };
    format!("secret of {owner}")
}

async fn insert_tenant(store: &Store, id: TenantId, clock: &dyn Clock) {
    let tenant = Tenant {
        id,
        api_secret: Secret::new(secret(id)),
        email: None,
        public_name: None,
        idp_consent_url: None,
        idp_secret: None,
        created_at: clock.now(),
        updated_at: clock.now(),
        deleted_at: None,
    };
    let unit = store.begin().await.unwrap();
    unit.every_tenant().insert_tenant(&tenant).await.unwrap();
    unit.commit().await.unwrap();
}

fn payments(
    store: Store,
    ledger: Arc<dyn Ledger>,
    cache: SharedCache,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
    url: Url,
) -> Payments {
    let (clock, entropy) = (Arc::clone(clock), Arc::clone(entropy));
    let address: ilp_packet::Address = "test.bank".parse().unwrap();
    let secret = ReceiverSecret::new(&[7; 32]);
    let targets = Targets {
        default_url: url.clone(),
        timeout: Duration::from_secs(1),
        attempts_max: 1,
        operator: OPERATOR,
        card_service: None,
        point_of_sale: None,
    };
    let webhooks = Webhooks::new(&targets, None, entropy.clone());
    let receivers = LiveReceivers::new(
        store.clone(),
        ledger.clone(),
        webhooks.clone(),
        clock.clone(),
        entropy.clone(),
        ReceiverSettings::default(),
    );
    let rates = Rates::new(Arc::new(Nobody), clock.clone(), RatesSettings::default());
    let ports = ConnectorPorts {
        ledger: ledger.clone(),
        local_accounts: Arc::new(receivers.clone()),
        alerts: Arc::new(Nobody),
        uplink: Arc::new(Nobody),
        rates: rates.clone(),
        cache: cache.clone(),
        clock: clock.clone(),
        entropy: entropy.clone(),
    };
    let connector = Connector::new(ConnectorConfig::new(address.clone(), secret.clone(), [0; 32]), ports);
    let outbound = Outbound::new(OutboundConfig::default(), clock.clone()).unwrap();
    let public = PublicResources::new(outbound, RetryPolicy::default(), clock.clone());
    let signer = Arc::new(Signer::new(SigningKey::random(&*entropy), "key").unwrap());
    let client = OpenPaymentsClient::new(public, "https://bank.example/.well-known/pay", signer);
    let mut settings = PaymentsSettings::new(url, OPERATOR, address, secret, "0.01".parse().unwrap());
    settings.exchange_rates_url = Some("https://rates.example/".parse().unwrap());
    Payments::new(PaymentsParts {
        store,
        ledger,
        connector,
        receivers,
        webhooks,
        client,
        rates,
        cache,
        clock,
        entropy,
        settings,
    })
}
