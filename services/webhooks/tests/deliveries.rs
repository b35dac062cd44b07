//! Deliveries to a real receiver, on a manual clock and on both databases.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as expected")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use clock::{ManualClock, Timestamp};
use directory::Directory;
use jobs::Worker;
use outbound_http::{Outbound, OutboundConfig};
use payments_model::tenant::{Setting, SettingKey};
use payments_model::webhook_event::{DeliveryState, EventType, Subject, WebhookEvent};
use payments_model::{Secret, Tenant, TenantId, WebhookEventId};
use payments_store::Store;
use serde_json::json;
use testkit::{TestDatabase, on_each_database};
use tokio::sync::Notify;
use url::Url;
use uuid::Uuid;
use webhooks::{Audience, Deliverer, DeliveryCounts, DeliveryEnds, QUEUE, Signing, Targets, Webhooks, worker_settings};

const OPERATOR: TenantId = TenantId::from_uuid(Uuid::from_u128(1));
const EVENT: WebhookEventId = WebhookEventId::from_uuid(Uuid::from_u128(5));

/// Answers with the given statuses in turn, and keeps the requests.
#[derive(Clone)]
struct Receiver {
    answers: Arc<Mutex<Vec<u16>>>,
    heard: Arc<Mutex<Vec<(HeaderMap, String)>>>,
    hung: Arc<Notify>,
}

/// A path that never answers.
const HANGING: &str = "/hanging";

async fn hear(State(receiver): State<Receiver>, uri: Uri, headers: HeaderMap, body: String) -> StatusCode {
    if uri.path() == HANGING {
        receiver.hung.notify_one();
        return std::future::pending().await;
    }
    receiver.heard.lock().unwrap().push((headers, body));
    let status = receiver.answers.lock().unwrap().pop().unwrap_or(200);
    StatusCode::from_u16(status).unwrap()
}

struct Scene {
    url: String,
    store: Store,
    webhooks: Webhooks,
    worker: Worker,
    receiver: Receiver,
    clock: Arc<ManualClock>,
}

async fn scene(database: &TestDatabase, answers: &[u16], attempts_max: u32) -> Scene {
    let receiver = Receiver {
        answers: Arc::new(Mutex::new(answers.iter().rev().copied().collect())),
        heard: Arc::default(),
        hung: Arc::default(),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/webhooks", listener.local_addr().unwrap());
    let app = axum::Router::new().fallback(hear).with_state(receiver.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });

    let clock = testkit::manual_clock();
    let entropy = testkit::entropy(1);
    let store = Store::open((**database).clone()).await.unwrap();
    let unit = store.begin().await.unwrap();
    unit.every_tenant().ensure_operator(OPERATOR, &Secret::new("s3cret"), now(&clock)).await.unwrap();
    unit.commit().await.unwrap();
    let targets = Targets {
        default_url: Url::parse(&url).unwrap(),
        timeout: Duration::from_secs(2),
        attempts_max,
        operator: OPERATOR,
        card_service: None,
        point_of_sale: None,
    };
    let webhooks = Webhooks::new(&targets, None, entropy.clone());
    let deliverer = Deliverer {
        store: store.clone(),
        targets: Arc::new(targets),
        signing: Some(Signing { secret: Secret::new("test-secret"), version: 1 }),
        http: Outbound::new(OutboundConfig::development(), clock.clone()).unwrap(),
        clock: clock.clone(),
        entropy: entropy.clone(),
        counts: DeliveryCounts::default(),
        directory: Directory::new(store.clone()),
        sealer: sealed_text::Sealer::default(),
        ends: DeliveryEnds::new(&store),
    };
    let handler = Arc::new(deliverer);
    let worker = Worker::new((**database).clone(), clock.clone(), entropy, QUEUE, handler, worker_settings(8));
    Scene { url, store, webhooks, worker, receiver, clock }
}

fn now(clock: &Arc<ManualClock>) -> Timestamp {
    clock::Clock::now(&**clock)
}

impl Scene {
    async fn record(&self, audience: &Audience) {
        self.record_event(EVENT, audience).await;
    }

    async fn record_event(&self, id: WebhookEventId, audience: &Audience) {
        let event = WebhookEvent {
            id,
            event_type: EventType::WalletAddressNotFound,
            tenant_id: OPERATOR,
            data: json!({"walletAddressUrl": "https://wallet.example/Alice"}),
            subject: Subject::Nothing,
            withdrawal: None,
            created_at: now(&self.clock),
        };
        let unit = self.store.begin().await.unwrap();
        self.webhooks.record(&unit, &event, audience).unwrap();
        unit.commit().await.unwrap();
    }

    /// A tenant with its own webhook URL.
    async fn tenant_at(&self, id: TenantId, url: &str) {
        let unit = self.store.begin().await.unwrap();
        let scope = unit.every_tenant();
        let operator = scope.find_tenant(OPERATOR).await.unwrap().unwrap();
        scope.insert_tenant(&Tenant { id, ..operator }).await.unwrap();
        let setting = Setting { key: SettingKey::WebhookUrl, value: url.to_owned() };
        scope.put_settings(id, &[setting], now(&self.clock)).await.unwrap();
        unit.commit().await.unwrap();
    }

    async fn delivery(&self) -> (DeliveryState, u32, Option<u16>) {
        let all = self.store.every_tenant().webhook_deliveries(EVENT).await.unwrap();
        assert_eq!(all.len(), 1);
        (all[0].state, all[0].attempts, all[0].status_code)
    }

    fn heard(&self) -> usize {
        self.receiver.heard.lock().unwrap().len()
    }
}

on_each_database! {
    async fn an_event_is_told_once_with_its_id_type_data_and_signature(database) {
        let scene = scene(&database, &[200], 10).await;
        scene.record(&Audience::tenant(OPERATOR)).await;
        assert_eq!(scene.worker.run_due().await.unwrap(), 1);
        assert_eq!(scene.delivery().await, (DeliveryState::Delivered, 1, Some(200)));
        assert_eq!(scene.worker.run_due().await.unwrap(), 0);
        let (headers, body) = scene.receiver.heard.lock().unwrap().remove(0);
        let expected = r#"{"id":"00000000-0000-0000-0000-000000000005","type":"wallet_address.not_found","data":{"walletAddressUrl":"https://wallet.example/Alice"}}"#;
        assert_eq!(body, expected);
        assert!(headers["rafiki-signature"].to_str().unwrap().starts_with("t=1767225600000, v1="));
        assert_eq!(headers["rafiki-event-id"], "00000000-0000-0000-0000-000000000005");
        assert_eq!(headers["rafiki-delivery-attempt"], "1");
    }

    async fn any_other_status_is_tried_again_after_ten_seconds(database) {
        let scene = scene(&database, &[204, 200], 10).await;
        scene.record(&Audience::tenant(OPERATOR)).await;
        scene.worker.run_due().await.unwrap();
        assert_eq!(scene.delivery().await, (DeliveryState::Pending, 1, Some(204)));
        scene.clock.advance(Duration::from_secs(9));
        scene.worker.run_due().await.unwrap();
        assert_eq!(scene.heard(), 1);
        scene.clock.advance(Duration::from_secs(2));
        scene.worker.run_due().await.unwrap();
        assert_eq!(scene.delivery().await, (DeliveryState::Delivered, 2, Some(200)));
    }

    async fn a_recipient_that_never_answers_well_is_given_up_after_its_attempts(database) {
        let scene = scene(&database, &[500, 500, 500], 2).await;
        scene.record(&Audience::tenant(OPERATOR)).await;
        for _ in 0..5 {
            scene.worker.run_due().await.unwrap();
            scene.clock.advance(Duration::from_secs(70));
        }
        assert_eq!(scene.heard(), 2);
        assert_eq!(scene.delivery().await, (DeliveryState::Exhausted, 2, Some(500)));
    }

    async fn a_service_without_url_is_not_told(database) {
        let scene = scene(&database, &[], 10).await;
        scene.record(&Audience::card_service()).await;
        assert!(scene.store.every_tenant().webhook_deliveries(EVENT).await.unwrap().is_empty());
        assert!(scene.store.every_tenant().webhook_event(EVENT).await.unwrap().is_some());
    }

    async fn an_event_whose_state_change_is_rolled_back_is_told_to_nobody(database) {
        let scene = scene(&database, &[200], 10).await;
        let unit = scene.store.begin().await.unwrap();
        let event = WebhookEvent {
            id: EVENT,
            event_type: EventType::WalletAddressNotFound,
            tenant_id: OPERATOR,
            data: json!({}),
            subject: Subject::Nothing,
            withdrawal: None,
            created_at: now(&scene.clock),
        };
        scene.webhooks.record(&unit, &event, &Audience::tenant(OPERATOR)).unwrap();
        drop(unit);
        assert_eq!(scene.worker.run_due().await.unwrap(), 0);
        assert_eq!(scene.heard(), 0);
    }

    async fn an_alarm_recorded_again_is_told_once(database) {
        let scene = scene(&database, &[500, 200], 10).await;
        let event = WebhookEvent {
            id: EVENT,
            event_type: EventType::LedgerAlarm,
            tenant_id: OPERATOR,
            data: json!({"kind": "entry_changed"}),
            subject: Subject::Nothing,
            withdrawal: None,
            created_at: now(&scene.clock),
        };
        for new in [true, false, false] {
            let unit = scene.store.begin().await.unwrap();
            let recorded = scene.webhooks.record_once(&unit, &event, &Audience::tenant(OPERATOR)).await.unwrap();
            unit.commit().await.unwrap();
            assert_eq!(recorded, new);
        }
        scene.worker.run_due().await.unwrap();
        assert_eq!(scene.delivery().await, (DeliveryState::Pending, 1, Some(500)), "tried again like any other");
        scene.clock.advance(Duration::from_secs(12));
        scene.worker.run_due().await.unwrap();
        assert_eq!(scene.delivery().await, (DeliveryState::Delivered, 2, Some(200)));
        let (_, body) = scene.receiver.heard.lock().unwrap().remove(1);
        assert_eq!(body, r#"{"id":"00000000-0000-0000-0000-000000000005","type":"ledger.alarm","data":{"kind":"entry_changed"}}"#);
    }

    async fn what_is_recorded_while_the_worker_works_is_told_at_once(database) {
        let scene = scene(&database, &[500, 200], 10).await;
        let running = tokio::spawn(scene.worker.clone().run(std::future::pending()));
        scene.record(&Audience::tenant(OPERATOR)).await;
        let pending = (DeliveryState::Pending, 1, Some(500));
        testkit::eventually("it was tried", async || scene.delivery().await == pending).await;
        scene.clock.advance(Duration::from_secs(12));
        scene.worker.run_due().await.unwrap();
        let delivered = (DeliveryState::Delivered, 2, Some(200));
        testkit::eventually("it was told", async || scene.delivery().await == delivered).await;
        let heard = scene.receiver.heard.lock().unwrap().clone();
        assert_eq!(heard[0].1, heard[1].1, "what was carried and what was stored read the same");
        running.abort();
    }

    async fn a_recipient_that_hangs_holds_up_no_other(database) {
        let scene = scene(&database, &[], 10).await;
        let slow = TenantId::from_uuid(Uuid::from_u128(2));
        scene.tenant_at(slow, &scene.url.replace("/webhooks", HANGING)).await;
        let running = tokio::spawn(scene.worker.clone().run(std::future::pending()));
        for number in 100..160 {
            let event = WebhookEventId::from_uuid(Uuid::from_u128(number));
            scene.record_event(event, &Audience::tenant(slow)).await;
        }
        scene.receiver.hung.notified().await;
        scene.record(&Audience::tenant(OPERATOR)).await;
        let delivered = (DeliveryState::Delivered, 1, Some(200));
        testkit::eventually("the other is told", async || scene.delivery().await == delivered).await;
        running.abort();
    }

    async fn events_that_are_told_at_the_same_time_are_each_recorded(database) {
        let scene = scene(&database, &[], 10).await;
        let running = tokio::spawn(scene.worker.clone().run(std::future::pending()));
        let events = (100..140).map(|number| WebhookEventId::from_uuid(Uuid::from_u128(number)));
        for event in events.clone() {
            scene.record_event(event, &Audience::tenant(OPERATOR)).await;
        }
        for event in events {
            testkit::eventually("it is told", async || {
                let deliveries = scene.store.every_tenant().webhook_deliveries(event).await.unwrap();
                deliveries[0].state == DeliveryState::Delivered && deliveries[0].attempts == 1
            })
            .await;
        }
        assert_eq!(scene.heard(), 40);
        running.abort();
    }
}
