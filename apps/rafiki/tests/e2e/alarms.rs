//! A backend whose stored ledger is damaged while it runs: the alarm, and its recipients.
//!
//! One octet on disk is changed with ordinary file access, like a failing disk or a careless user does.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use admin_client::{AdminClient, Credentials};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use clock::{Clock, SystemClock};
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;
use uuid::Uuid;

use crate::asking::outbound;
use crate::institutions::{BINARY, await_ready};
use testkit::{free_ports, until};

const SECRET: &str = "the operator's secret";
const WEBHOOK_SECRET: &str = "the webhooks' secret";
const OPERATOR: Uuid = Uuid::from_u128(0x438f_a74a_fa7d_4317_9ced_dde3_2ece_1787);
const LIMIT: Duration = Duration::from_secs(30);

/// The events that an account-servicing entity received.
#[derive(Clone, Default)]
struct Entity(Arc<Mutex<Vec<Value>>>);

async fn hear(State(entity): State<Entity>, headers: HeaderMap, body: String) -> StatusCode {
    let event: Value = serde_json::from_str(&body).unwrap();
    let signed = headers["rafiki-signature"].to_str().unwrap();
    let canonical = admin_signature::canonical(&event);
    let signature = admin_signature::Signature::parse(signed, 1).unwrap();
    let verdict = signature.verify(WEBHOOK_SECRET, SystemClock.now(), LIMIT, &canonical);
    assert_eq!(verdict, Ok(()));
    entity.0.lock().unwrap().push(event);
    StatusCode::OK
}

impl Entity {
    /// Listens while the runtime lives.
    async fn listen(&self) -> Url {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/events", listener.local_addr().unwrap());
        let app = axum::Router::new().fallback(hear).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        url.parse().unwrap()
    }

    fn alarms(&self) -> Vec<Value> {
        self.0.lock().unwrap().iter().filter(|event| event["type"] == "ledger.alarm").cloned().collect()
    }
}

/// One backend without its authorization server, which these tests do not need.
struct Backend {
    data: TempDir,
    ports: u16,
    webhooks: Url,
    child: Option<Child>,
}

impl Backend {
    fn start(webhooks: Url) -> Self {
        let mut backend = Self { data: tempfile::tempdir().unwrap(), ports: free_ports(), webhooks, child: None };
        backend.launch();
        backend
    }

    fn launch(&mut self) {
        let file = |name: &str| format!("sqlite:{}", self.data.path().join(name).display());
        let port = |n: u16| (self.ports + n).to_string();
        let nobody = "http://localhost:9";
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.data.path().join("log")).unwrap();
        let mut child = Command::new(BINARY)
            .arg("backend")
            .current_dir(self.data.path())
            .envs([
                ("NODE_ENV", "development"),
                ("LOG_LEVEL", "warn"),
                ("LISTEN_ADDRESS", "127.0.0.1"),
                ("INSTANCE_NAME", "bank"),
                ("ILP_ADDRESS", "test.bank"),
                ("KEY_ID", "key"),
                ("OPEN_PAYMENTS_URL", "https://bank.example"),
                ("STREAM_SECRET", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
                ("ADMIN_API_SECRET", SECRET),
                ("SIGNATURE_SECRET", WEBHOOK_SECRET),
                ("LEDGER_MONITOR_INTERVAL_SECONDS", "1"),
            ])
            .envs([
                ("OPERATOR_TENANT_ID", OPERATOR.to_string()),
                ("WEBHOOK_URL", self.webhooks.to_string()),
                ("DATABASE_URL", file("backend.db")),
                ("LEDGER_DATABASE_URL", file("ledger.db")),
                ("OPEN_PAYMENTS_PORT", port(0)),
                ("ADMIN_PORT", port(1)),
                ("CONNECTOR_PORT", port(2)),
                ("AUTH_SERVER_GRANT_URL", nobody.to_owned()),
                ("AUTH_SERVER_INTROSPECTION_URL", nobody.to_owned()),
                ("AUTH_SERVICE_API_URL", nobody.to_owned()),
                ("ILP_CONNECTOR_URL", nobody.to_owned()),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let ready = await_ready(child.stdout.take().unwrap());
        self.child = Some(child);
        assert!(ready, "the backend did not become ready:\n{}", self.log());
    }

    fn restart(&mut self) {
        let mut child = self.child.take().unwrap();
        assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(0), "{}", self.log());
        self.launch();
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.data.path().join("log")).unwrap_or_default()
    }

    fn url(&self, port: u16, path: &str) -> Url {
        format!("http://127.0.0.1:{}{path}", self.ports + port).parse().unwrap()
    }

    async fn get(&self, port: u16, path: &str) -> (u16, String) {
        let request = outbound_http::Request::get(self.url(port, path)).configured();
        match outbound().send(request).await {
            Ok(answer) => (answer.status.as_u16(), String::from_utf8_lossy(&answer.body).into_owned()),
            Err(error) => (0, error.to_string()),
        }
    }

    async fn health(&self) -> (u16, Value) {
        let (status, body) = self.get(1, "/health").await;
        (status, serde_json::from_str(&body).unwrap_or_default())
    }

    /// The value of a metric, by its name with labels.
    async fn number(&self, metric: &str) -> Option<String> {
        let (_, text) = self.get(1, "/metrics").await;
        text.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' ').map(str::to_owned))
    }

    /// Waits until the next scan of the ledger has ended.
    async fn another_look(&self) {
        let before = self.health().await.1["ledger"]["lastLookAt"].clone();
        let looked = until(LIMIT, || async {
            let now = self.health().await.1["ledger"]["lastLookAt"].clone();
            (!now.is_null() && now != before).then_some(())
        });
        looked.await.unwrap_or_else(|| panic!("no further look:\n{}", self.log()));
    }

    fn admin(&self) -> AdminClient {
        let credentials = Credentials { tenant_id: OPERATOR, secret: SECRET.to_owned(), signature_version: 1 };
        AdminClient::new(self.url(1, "/graphql"), credentials, outbound(), Arc::new(SystemClock))
    }

    /// Changes one octet of the hash of the journal's first entry, wherever SQLite keeps that page now.
    fn flip_one_octet(&self) {
        let path = self.data.path().join("ledger.db");
        let file = rusqlite::Connection::open_with_flags(&path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let hash: Vec<u8> = file.query_row("SELECT hash FROM journal WHERE seq = 1", [], |row| row.get(0)).unwrap();
        drop(file);
        let changed = ["ledger.db", "ledger.db-wal"].map(|name| flip_after(&self.data.path().join(name), &hash));
        assert_ne!(changed, [0, 0], "the hash was found nowhere");
    }
}

/// Changes the first octet of every `pattern` in a file. Returns the number of changes.
fn flip_after(path: &Path, pattern: &[u8]) -> usize {
    use std::os::unix::fs::FileExt;
    let Ok(octets) = std::fs::read(path) else { return 0 };
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    let places = octets.windows(pattern.len()).enumerate().filter(|(_, window)| *window == pattern);
    places.map(|(at, _)| file.write_all_at(&[pattern[0] ^ 1], at as u64).unwrap()).count()
}

impl Drop for Backend {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

const CHANGED: &str = r#"rafiki_ledger_alarms_total{kind="entry_changed"}"#;

#[test]
fn one_octet_changed_on_disk_is_counted_shown_and_reported_to_the_operator_once() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let entity = Entity::default();
        let mut bank = Backend::start(entity.listen().await);
        let dollars = bank.admin().create_asset("USD", 2, None).await.unwrap();
        bank.admin()
            .deposit_asset_liquidity(dollars.id, 1000, Uuid::from_u128(0x4000_8000_0000_0000_0005))
            .await
            .unwrap();
        bank.another_look().await;
        bank.another_look().await;
        assert_eq!(bank.health().await.0, 200, "{:?}", bank.health().await);
        assert_eq!(bank.number(CHANGED).await.as_deref(), Some("0"));
        assert_eq!(bank.number("rafiki_ledger_watching").await.as_deref(), Some("1"));

        bank.flip_one_octet();
        let counted = until(LIMIT, || async { (bank.number(CHANGED).await? == "1").then_some(()) }).await;
        assert!(counted.is_some(), "not noticed: {:?}\n{}", bank.health().await, bank.log());
        let (status, document) = bank.health().await;
        assert_eq!((status, &document["status"]), (503, &json!("alarm")), "{document}");
        let alarm = &document["ledger"]["alarms"][0];
        assert_eq!(alarm["kind"], "entry_changed");
        assert_eq!(alarm["reason"], "entry 1 or its hash was changed");
        assert!(bank.log().contains("entry 1 or its hash was changed"), "{}", bank.log());
        let told = until(LIMIT, || async { entity.alarms().pop() }).await.expect("an event is delivered");
        assert_eq!((&told["id"], &told["data"]["kind"]), (&alarm["id"], &alarm["kind"]), "{told}");

        assert_eq!(bank.get(1, "/healthz").await, (200, "OK".to_owned()), "requests are still sent here");
        assert_eq!(bank.admin().assets().await.unwrap().len(), 1, "and answered");

        bank.restart();
        let again = until(LIMIT, || async { (bank.number(CHANGED).await? == "1").then_some(()) }).await;
        assert!(again.is_some(), "not noticed after a restart");
        bank.another_look().await;
        bank.another_look().await;
        assert_eq!(entity.alarms().len(), 1, "told once, however often it is found");
    });
}

#[test]
fn numbers_and_health_are_not_shown_on_the_public_listeners() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let bank = Backend::start(Entity::default().listen().await);
        for (port, path) in [(0, "/metrics"), (2, "/metrics"), (0, "/health"), (2, "/health")] {
            let (status, body) = bank.get(port, path).await;
            assert!((400..500).contains(&status) && !body.contains("rafiki_"), "{port}{path}: {status} {body}");
        }
        let (status, text) = bank.get(1, "/metrics").await;
        assert_eq!(status, 200);
        assert!(text.contains(r#"rafiki_packets_prepared_total{direction="incoming"} 0"#), "{text}");
        assert!(text.contains(r#"rafiki_jobs_total{queue="webhook deliveries",result="done"} "#), "{text}");
    });
}
