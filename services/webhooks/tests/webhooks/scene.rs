//! An instance that records and delivers, and a receiver that answers as it is told.
//! It tests nothing itself.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::IntoResponse;
use clock::{Clock, ManualClock, Timestamp};
use database::Database;
use database::sea_orm::{ConnectionTrait, Statement, Value};
use directory::Directory;
use jobs::Worker;
use outbound_http::{Outbound, OutboundConfig};
use payments_model::tenant::{Setting, SettingKey};
use payments_model::webhook_delivery::{DeliveryState, WebhookAttempt};
use payments_model::webhook_event::{EventType, Subject, WebhookEvent};
use payments_model::webhook_ladder::{AttemptsMax, RetryLadder};
use payments_model::{IncomingPaymentId, Secret, Tenant, TenantId, WebhookDelivery, WebhookEventId};
use payments_store::Store;
use sealed_text::{Place, Sealer};
use serde_json::{Value as Json, json};
use testkit::TestDatabase;
use tokio::sync::Notify;
use url::Url;
use uuid::Uuid;
use webhooks::{
    Audience, Deliverer, DeliveryCounts, DeliveryEnds, QUEUE, Targets, WebhookAdministration, Webhooks, worker_settings,
};

pub(crate) const OPERATOR: TenantId = TenantId::from_uuid(Uuid::from_u128(1));
pub(crate) const TENANT: TenantId = TenantId::from_uuid(Uuid::from_u128(2));
pub(crate) const EVENT: WebhookEventId = WebhookEventId::from_uuid(Uuid::from_u128(5));

/// The keys for the data that is stored encrypted.
const KEY: [u8; 32] = [7; 32];
pub(crate) const FORMER_KEY: [u8; 32] = [6; 32];

/// Where nobody ever answers.
pub(crate) const HANGING: &str = "/hanging";

/// What a receiver was sent.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Heard {
    pub(crate) fn event(&self) -> Json {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn id(&self) -> String {
        self.event()["id"].as_str().unwrap().to_owned()
    }
}

type Answer = dyn Fn(&Heard) -> (u16, String) + Send + Sync;

/// Answers as it is told and keeps what it was sent.
#[derive(Clone)]
pub(crate) struct Receiver {
    answer: Arc<Mutex<Box<Answer>>>,
    heard: Arc<Mutex<Vec<Heard>>>,
    /// How many calls nobody answers.
    pub(crate) hanging: Arc<Mutex<usize>>,
    pub(crate) hung: Arc<Notify>,
}

impl Receiver {
    async fn open() -> (Self, String) {
        let receiver = Self {
            answer: Arc::new(Mutex::new(Box::new(|_| (200, String::new())))),
            heard: Arc::default(),
            hanging: Arc::default(),
            hung: Arc::default(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/webhooks", listener.local_addr().unwrap());
        let app = axum::Router::new().fallback(hear).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        (receiver, url)
    }

    /// From now on it answers so.
    pub(crate) fn answers(&self, answer: impl Fn(&Heard) -> (u16, String) + Send + Sync + 'static) {
        *self.answer.lock().unwrap() = Box::new(answer);
    }

    /// From now on it answers with this status.
    pub(crate) fn says(&self, status: u16) {
        self.answers(move |_| (status, String::new()));
    }

    /// It answers with these, and then with 200.
    pub(crate) fn says_in_turn(&self, statuses: &[u16]) {
        let left: Mutex<Vec<u16>> = Mutex::new(statuses.iter().rev().copied().collect());
        self.answers(move |_| (left.lock().unwrap().pop().unwrap_or(200), String::new()));
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.heard.lock().unwrap().len()
    }
}

async fn hear(State(receiver): State<Receiver>, uri: Uri, headers: HeaderMap, body: String) -> impl IntoResponse {
    if uri.path().starts_with(HANGING) {
        *receiver.hanging.lock().unwrap() += 1;
        receiver.hung.notify_one();
        return std::future::pending().await;
    }
    let heard = Heard { path: uri.path().to_owned(), headers, body };
    let (status, text) = receiver.answer.lock().unwrap()(&heard);
    receiver.heard.lock().unwrap().push(heard);
    (StatusCode::from_u16(status).unwrap(), text)
}

/// One process of the instance.
pub(crate) struct Process {
    pub(crate) store: Store,
    pub(crate) webhooks: Webhooks,
    pub(crate) worker: Worker,
    pub(crate) administration: WebhookAdministration,
}

pub(crate) struct Scene {
    pub(crate) url: String,
    pub(crate) receiver: Receiver,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) database: TestDatabase,
    pub(crate) process: Process,
    targets: Targets,
}

/// A scene whose deliveries are tried as often as the ladder says.
pub(crate) async fn scene(database: TestDatabase) -> Scene {
    scene_with(database, AttemptsMax::Ladder, OutboundConfig::development()).await
}

pub(crate) async fn scene_with(database: TestDatabase, attempts_max: AttemptsMax, http: OutboundConfig) -> Scene {
    scene_of(database, http, |targets| Targets { attempts_max, ..targets }).await
}

/// A scene whose receiver is the card service and the point of sale, too.
pub(crate) async fn scene_of_cards(database: TestDatabase) -> Scene {
    let with_services = |targets: Targets| {
        let url = Some(targets.default_url.clone());
        Targets { card_service: url.clone(), point_of_sale: url, ..targets }
    };
    scene_of(database, OutboundConfig::development(), with_services).await
}

async fn scene_of(database: TestDatabase, http: OutboundConfig, change: impl FnOnce(Targets) -> Targets) -> Scene {
    let (receiver, url) = Receiver::open().await;
    let clock = testkit::manual_clock();
    let targets = change(Targets {
        default_url: Url::parse(&url).unwrap(),
        timeout: Duration::from_secs(2),
        attempts_max: AttemptsMax::Ladder,
        ladder: RetryLadder::default(),
        secret: Some(Secret::new("test-secret")),
        signature_version: 1,
        operator: OPERATOR,
        card_service: None,
        point_of_sale: None,
        proofs: service_identity::ServiceProofs::default(),
    });
    let process = process(&database, &targets, &clock, http, 1).await;
    let unit = process.store.begin().await.unwrap();
    unit.every_tenant().ensure_operator(OPERATOR, &Secret::new("s3cret"), clock.now()).await.unwrap();
    unit.commit().await.unwrap();
    Scene { url, receiver, clock, database, process, targets }
}

async fn process(
    database: &Database,
    targets: &Targets,
    clock: &Arc<ManualClock>,
    http: OutboundConfig,
    seed: u64,
) -> Process {
    let store = Store::open(database.clone()).await.unwrap();
    let (directory, entropy) = (Directory::new(store.clone()), testkit::entropy(seed));
    let webhooks = Webhooks::new(targets, None, directory.clone(), entropy.clone());
    let http = Outbound::new(http, clock.clone()).unwrap();
    let administration = WebhookAdministration {
        store: store.clone(),
        directory: directory.clone(),
        targets: Arc::new(targets.clone()),
        http: http.clone(),
        clock: clock.clone(),
        entropy: entropy.clone(),
    };
    let deliverer = Deliverer {
        sealer: Sealer::new(Some(&KEY), &[FORMER_KEY]),
        store: store.clone(),
        targets: Arc::new(targets.clone()),
        http,
        clock: clock.clone(),
        entropy: entropy.clone(),
        counts: DeliveryCounts::default(),
        directory,
        ends: DeliveryEnds::new(&store),
    };
    let handler = Arc::new(deliverer);
    let worker = Worker::new(database.clone(), clock.clone(), entropy, QUEUE, handler, worker_settings(8));
    Process { store, webhooks, worker, administration }
}

impl Process {
    /// Records an event of the operator's.
    pub(crate) async fn record(&self, event: &WebhookEvent, audience: &Audience) {
        let unit = self.store.begin().await.unwrap();
        self.webhooks.record(&unit, event, audience).await.unwrap();
        unit.commit().await.unwrap();
    }
}

impl Scene {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Another process on the same database.
    pub(crate) async fn another_process(&self) -> Process {
        let database = self.database.connect_again().await;
        process(&database, &self.targets, &self.clock, OutboundConfig::development(), 2).await
    }

    /// An event about nothing in particular.
    pub(crate) fn event(&self, id: WebhookEventId) -> WebhookEvent {
        WebhookEvent {
            id,
            event_type: EventType::WalletAddressNotFound,
            tenant_id: OPERATOR,
            data: json!({"walletAddressUrl": "https://wallet.example/Alice"}),
            subject: Subject::Nothing,
            withdrawal: None,
            created_at: self.now(),
        }
    }

    /// The `number`-th event about a payment.
    pub(crate) fn event_of(&self, payment: IncomingPaymentId, number: u64) -> WebhookEvent {
        let event_type =
            if number == 0 { EventType::IncomingPaymentCreated } else { EventType::IncomingPaymentCompleted };
        WebhookEvent {
            id: WebhookEventId::from_uuid(Uuid::from_u128(payment.as_uuid().as_u128() * 100 + u128::from(number))),
            event_type,
            data: json!({"id": payment, "number": number}),
            subject: Subject::IncomingPayment(payment),
            ..self.event(EVENT)
        }
    }

    /// A question about money that came with data, which is sealed with `key`.
    pub(crate) fn question_of(&self, payment: IncomingPaymentId, data: &str, key: &[u8; 32]) -> WebhookEvent {
        let event = self.event_of(payment, 99);
        let (place, entropy) = (Place::DataFromSender(event.id.as_uuid()), testkit::entropy(3));
        let sealed = Sealer::new(Some(key), &[]).seal(data, place, &*entropy).unwrap();
        let data = json!({"id": payment, "number": 99, "dataFromSender": sealed});
        WebhookEvent { event_type: EventType::IncomingPaymentPartialPaymentReceived, data, ..event }
    }

    pub(crate) async fn record(&self, audience: &Audience) {
        self.process.record(&self.event(EVENT), audience).await;
    }

    pub(crate) async fn record_of(&self, payment: IncomingPaymentId, number: u64) {
        self.process.record(&self.event_of(payment, number), &Audience::tenant(OPERATOR)).await;
    }

    pub(crate) async fn run_due(&self) -> usize {
        self.process.worker.run_due().await.unwrap()
    }

    /// Time passes in steps of `step`, and what becomes due is done.
    pub(crate) async fn pass(&self, time: Duration, step: Duration) {
        let end = self.now() + time;
        while self.now() < end {
            self.clock.advance(step);
            self.run_due().await;
        }
    }

    /// A tenant whose events go to `url`.
    pub(crate) async fn tenant_at(&self, id: TenantId, url: &str) {
        self.tenant_with(id, &[(SettingKey::WebhookUrl, url)]).await;
    }

    pub(crate) async fn tenant_with(&self, id: TenantId, settings: &[(SettingKey, &str)]) {
        let unit = self.process.store.begin().await.unwrap();
        let scope = unit.every_tenant();
        let operator = scope.find_tenant(OPERATOR).await.unwrap().unwrap();
        scope.insert_tenant(&Tenant { id, ..operator }).await.unwrap();
        let setting = |(key, value): &(SettingKey, &str)| Setting { key: *key, value: (*value).to_owned() };
        let settings: Vec<Setting> = settings.iter().map(setting).collect();
        scope.put_settings(id, &settings, self.now()).await.unwrap();
        unit.commit().await.unwrap();
    }

    /// Incoming payments of the operator's, numbered from 1, that events may be about.
    pub(crate) async fn payments(&self, count: u128) -> Vec<IncomingPaymentId> {
        let unit = self.process.store.begin().await.unwrap();
        let [tenant, asset, address] = [1, 3, 4].map(|n| Value::from(Uuid::from_u128(n)));
        let run = async |sql: &str, values: Vec<Value>| {
            let backend = unit.transaction().get_database_backend();
            let statement = Statement::from_sql_and_values(backend, sql, values);
            unit.transaction().execute_raw(statement).await.unwrap();
        };
        let sql = "INSERT INTO assets (id, tenant_id, ledger, code, scale, created_at, updated_at)
            VALUES ($1, $2, 1, 'USD', 2, 0, 0)";
        run(sql, vec![asset.clone(), tenant.clone()]).await;
        let sql = "INSERT INTO wallet_addresses (id, tenant_id, asset_id, address, created_at, updated_at)
            VALUES ($1, $2, $3, 'https://bank.example/ann', 0, 0)";
        run(sql, vec![address.clone(), tenant.clone(), asset.clone()]).await;
        let mut payments = Vec::new();
        for number in 1..=count {
            let id = Uuid::from_u128(1000 + number);
            let sql = "INSERT INTO incoming_payments (id, tenant_id, wallet_address_id, asset_id, state, expires_at,
                initiated_by, created_at, updated_at) VALUES ($1, $2, $3, $4, 'COMPLETED', 0, 'ADMIN', 0, 0)";
            run(sql, vec![id.into(), tenant.clone(), address.clone(), asset.clone()]).await;
            payments.push(IncomingPaymentId::from_uuid(id));
        }
        unit.commit().await.unwrap();
        payments
    }

    pub(crate) async fn deliveries_of(&self, event: WebhookEventId) -> Vec<WebhookDelivery> {
        self.process.store.every_tenant().deliveries_of(event).await.unwrap()
    }

    /// The only delivery of an event.
    pub(crate) async fn delivery_of(&self, event: WebhookEventId) -> WebhookDelivery {
        let mut all = self.deliveries_of(event).await;
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    pub(crate) async fn delivery(&self) -> (DeliveryState, u32, Option<u16>) {
        let delivery = self.delivery_of(EVENT).await;
        (delivery.state, delivery.attempts, delivery.status_code)
    }

    pub(crate) async fn attempts_of(&self, delivery: &WebhookDelivery) -> Vec<WebhookAttempt> {
        let found = self.process.store.every_tenant().webhook_attempts(&[delivery.id]).await.unwrap();
        found.into_iter().map(|(_, attempt)| attempt).collect()
    }

    /// How many rows of `table` fulfil `condition`.
    pub(crate) async fn count(&self, table: &str, condition: &str) -> i64 {
        let reader = self.database.reader();
        let sql = format!("SELECT COUNT(*) FROM {table} WHERE {condition}");
        let row = reader.query_one_raw(Statement::from_string(reader.get_database_backend(), sql)).await.unwrap();
        row.unwrap().try_get_by_index(0).unwrap()
    }

    /// Which events of each payment were heard, in order, each once.
    pub(crate) fn numbers_heard(&self, payments: &[IncomingPaymentId]) -> Vec<Vec<u64>> {
        let mut told: Vec<Vec<u64>> = vec![Vec::new(); payments.len()];
        for heard in self.receiver.heard() {
            let data = &heard.event()["data"];
            let of = payments.iter().position(|payment| data["id"] == payment.to_string());
            let number = data["number"].as_u64().unwrap();
            let so_far = &mut told[of.unwrap()];
            if so_far.last() != Some(&number) {
                so_far.push(number);
            }
        }
        told
    }
}
