//! Two institutions of Rafiki 2.4 that stopped with payments in flight continue on this program.
//!
//! The service `moving` tests the details of the import.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use admin_client::{AdminClient, OutgoingPaymentState};
use audit::Books;
use clock::{Clock as _, SystemClock};
use ledger_sql::SqlLedger;
use rafiki_fixture::{COLUMN_SECRET, Institution, Part, filled_elsewhere};
use serde_json::{Value, json};
use testkit::{TestDatabase, block_on, free_ports, until};
use uuid::Uuid;

use crate::asking::{client, outbound};
use crate::institutions::{BINARY, Role, run};
use crate::paying::end_of;

const ADMIN_SECRET: &str = "iyIgCprjb9uL8wFckR+pLEkJWMB7FJhgkvqhTQR/964=";

/// One of the two institutions, in the fixture and in this test.
struct Moved {
    institution: Institution,
    /// The first part of its host names in the fixture.
    host: &'static str,
    /// The first digit of its ports in the fixture.
    port: char,
    operator: &'static str,
    ilp_address: &'static str,
    ports: u16,
}

impl Moved {
    fn both() -> [Self; 2] {
        let cloud_nine = Self {
            institution: Institution::CloudNine,
            host: "cloud-nine-wallet-test",
            port: '3',
            operator: "438fa74a-fa7d-4317-9ced-dde32ece1787",
            ilp_address: "test.cloud-nine-wallet-test",
            ports: free_ports(),
        };
        let happy_life = Self {
            institution: Institution::HappyLife,
            host: "happy-life-bank-test",
            port: '4',
            operator: "cf5fd7d3-1eb1-4041-8e43-ba45747e9e5d",
            ilp_address: "test.happy-life-bank-test",
            ports: free_ports(),
        };
        [cloud_nine, happy_life]
    }

    /// The addresses of its hosts in this test.
    fn elsewhere(&self) -> Vec<(String, String)> {
        let (host, port, ports) = (self.host, self.port, self.ports);
        vec![
            (format!("{host}-backend:{port}100"), format!("localhost:{ports}")),
            (format!("{host}-backend:{port}102"), format!("localhost:{}", ports + 2)),
            (format!("{host}-auth:{port}106"), format!("localhost:{}", ports + 4)),
        ]
    }

    fn variables(&self, folder: &Path, hooks: u16) -> Vec<(String, String)> {
        let file = |name: &str| format!("sqlite:{}", folder.join(format!("{}-{name}.db", self.host)).display());
        let port = |n: u16| (self.ports + n).to_string();
        let local = |n: u16| format!("http://localhost:{}", self.ports + n);
        let retries = if self.institution == Institution::CloudNine { "3" } else { "10" };
        [
            ("NODE_ENV", "development".to_owned()),
            ("LOG_LEVEL", "warn".to_owned()),
            ("LISTEN_ADDRESS", "127.0.0.1".to_owned()),
            ("OPEN_PAYMENTS_URL", format!("https://localhost:{}", self.ports)),
            ("AUTH_SERVER_GRANT_URL", local(4)),
            ("AUTH_SERVER_INTROSPECTION_URL", local(5)),
            ("AUTH_SERVICE_API_URL", local(7)),
            ("ILP_ADDRESS", self.ilp_address.to_owned()),
            ("ILP_CONNECTOR_URL", local(2)),
            ("INSTANCE_NAME", self.host.to_owned()),
            ("KEY_ID", "a-key".to_owned()),
            ("WEBHOOK_URL", format!("http://127.0.0.1:{hooks}/webhooks")),
            ("WEBHOOK_MAX_RETRY", retries.to_owned()),
            ("EXCHANGE_RATES_URL", format!("http://127.0.0.1:{hooks}/rates")),
            ("ADMIN_API_SECRET", ADMIN_SECRET.to_owned()),
            ("SIGNATURE_SECRET", "a webhook secret of our own".to_owned()),
            ("STREAM_SECRET", "BjPXtnd00G2mRQwP/8ZpwyZASOch5sUXT5o0iR5b5wU=".to_owned()),
            ("OPERATOR_TENANT_ID", self.operator.to_owned()),
            ("OPEN_PAYMENTS_PORT", port(0)),
            ("ADMIN_PORT", port(1)),
            ("CONNECTOR_PORT", port(2)),
            ("DATABASE_URL", file("backend")),
            ("AUTH_DATABASE_URL", file("auth")),
            ("AUTH_SERVER_URL", local(4)),
            ("IDENTITY_SERVER_URL", "http://localhost:3030/mock-idp/".to_owned()),
            ("IDENTITY_SERVER_SECRET", "2pEcn2kkCclbOHQiGNEwhJ0rucATZhrA807HTm2rNXE=".to_owned()),
            ("COOKIE_KEY", "a cookie key of our own".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// The authorization server's ports have variable names that the backend also uses.
    fn auth_variables(&self, folder: &Path, hooks: u16) -> Vec<(String, String)> {
        let mut variables = self.variables(folder, hooks);
        variables.retain(|(name, _)| name != "ADMIN_PORT");
        let ports = [
            ("ADMIN_PORT", 3),
            ("AUTH_PORT", 4),
            ("INTROSPECTION_PORT", 5),
            ("INTERACTION_PORT", 6),
            ("SERVICE_API_PORT", 7),
        ];
        variables.extend(ports.map(|(name, n)| (name.to_owned(), (self.ports + n).to_string())));
        variables
    }

    fn admin(&self) -> AdminClient {
        let url = format!("http://localhost:{}/graphql", self.ports + 1);
        client(&json!({ "tenantId": self.operator, "adminSecret": ADMIN_SECRET, "adminUrl": url }))
    }

    fn ledger(&self, folder: &Path) -> String {
        format!("sqlite:{}", folder.join(format!("{}-backend-ledger.db", self.host)).display())
    }

    /// The distinct differences.
    async fn findings(&self, folder: &Path) -> BTreeSet<String> {
        let ledger = SqlLedger::open(&self.ledger(folder), Arc::new(SystemClock)).await.unwrap();
        let backend = format!("sqlite:{}", folder.join(format!("{}-backend.db", self.host)).display());
        let books = Books { backend, ledger: Arc::new(ledger), unit_worth_max: 1_000, wallet: None };
        audit::audit(&books).await.unwrap().findings.iter().map(ToString::to_string).collect()
    }

    fn verified(&self, folder: &Path) -> Value {
        let verified = run(Command::new(BINARY).args(["ledger", "verify", &self.ledger(folder), "--json"]));
        assert_eq!(verified.code, Some(0), "{}{}", verified.stdout, verified.stderr);
        verified.json
    }
}

/// Receives events, and serves rates.
fn listen_to_everybody() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut request = vec![0; 65_536];
                let read = stream.read(&mut request).unwrap_or(0);
                let rates =
                    r#"{"base":"USD","rates":{"EUR":0.9,"MXN":18.8,"JPY":150,"XAU":0.0005,"XRP":2,"BTC":0.00001}}"#;
                let body = if request[..read].starts_with(b"GET") { rates } else { "" };
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
                let _ = write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            });
        }
    });
    port
}

async fn old_databases(moved: &[Moved; 2], hooks: u16) -> Option<Vec<[TestDatabase; 2]>> {
    let mut elsewhere: Vec<(String, String)> = moved.iter().flat_map(Moved::elsewhere).collect();
    elsewhere.push(("127.0.0.1:8888/fail".to_owned(), format!("127.0.0.1:{hooks}/webhooks")));
    elsewhere.push(("127.0.0.1:8888".to_owned(), format!("127.0.0.1:{hooks}")));
    let mut databases = Vec::new();
    for one in moved {
        let backend = filled_elsewhere(one.institution, Part::Backend, &elsewhere).await?;
        let auth = filled_elsewhere(one.institution, Part::Auth, &elsewhere).await?;
        databases.push([backend, auth]);
    }
    Some(databases)
}

/// Under way or funded when the old environment was stopped.
const CLOUD_NINE_SENDING: [&str; 4] = [
    "8b25c3c1-59d6-41c9-b1d7-a24c2d1e735e",
    "10cd22c9-87d1-4f37-ab7b-19eea1ffa95a",
    "902124a2-158d-418a-8279-bea558d23b1d",
    "801f0075-26cd-4db6-98a7-bd610db52b2d",
];

#[test]
fn two_moved_institutions_finish_between_themselves_what_was_in_flight() {
    block_on(async {
        let (moved, hooks) = (Moved::both(), listen_to_everybody());
        let Some(old) = old_databases(&moved, hooks).await else { return };
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let mut before = Vec::new();
        for (one, [backend, auth]) in moved.iter().zip(&old) {
            let variables = one.variables(folder, hooks);
            let arguments = ["import", "--backend", backend.url(), "--auth", auth.url()];
            let import = |more: &[&str]| {
                let mut command = Command::new(BINARY);
                command.args(arguments).args(more).env_clear().envs(variables.clone());
                if one.institution == Institution::CloudNine {
                    command.env("OLD_DB_ENCRYPTION_SECRET", COLUMN_SECRET);
                }
                run(&mut command)
            };
            let plan = import(&["--dry-run"]);
            assert_eq!(plan.code, Some(0), "{}{}", plan.stdout, plan.stderr);
            assert!(plan.stdout.contains("Nothing was written"), "{}", plan.stdout);
            assert!(!folder.join(format!("{}-backend.db", one.host)).exists(), "a plan makes nothing");
            let import = import(&[]);
            println!("{}", import.stdout);
            assert_eq!(import.code, Some(0), "{}{}", import.stdout, import.stderr);
            assert!(import.stdout.contains("Every total is equal"), "{}", import.stdout);
            one.verified(folder);
            before.push(one.findings(folder).await);
        }

        let moved_at = SystemClock.now().as_millis();
        let outgoing = moved[1].outgoing_in_flight(folder);
        let roles: Vec<Role> = moved
            .iter()
            .flat_map(|one| {
                let (backend, auth) = (one.variables(folder, hooks), one.auth_variables(folder, hooks));
                [("auth", auth), ("backend", backend)].map(|(role, variables)| {
                    let variables: Vec<_> =
                        variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                    Role::start(role, &variables)
                })
            })
            .collect();
        for one in &moved {
            one.await_ready().await;
        }
        let (nine, life) = (moved[0].admin(), moved[1].admin());
        // The wallet makes the deposit now, under the id from before the move.
        for waiting in moved[0].waiting_for_funds(folder) {
            nine.deposit_outgoing_payment_liquidity(waiting, &format!("funded {waiting}")).await.unwrap();
            let ended = end_of(&nine, waiting).await;
            assert_eq!(ended.state, OutgoingPaymentState::Completed, "{ended:?}");
        }
        for payment in CLOUD_NINE_SENDING {
            let ended = end_of(&nine, payment.parse().unwrap()).await;
            assert_eq!(ended.state, OutgoingPaymentState::Completed, "{ended:?}");
        }
        for payment in outgoing {
            let ended = end_of(&life, payment).await;
            assert_eq!(ended.state, OutgoingPaymentState::Completed, "{ended:?}");
        }
        for one in &moved {
            one.await_told(folder).await;
            one.withdraw(folder, moved_at).await;
        }

        drop(roles);
        let mut crossed = 0;
        for (one, before) in moved.iter().zip(before) {
            let verified = one.verified(folder);
            crossed += verified["peerMovement"].as_str().unwrap().parse::<i128>().unwrap();
            let after = one.findings(folder).await;
            let new: Vec<_> = after.difference(&before).collect();
            assert!(new.is_empty(), "{}: {new:#?}", one.host);
        }
        assert_eq!(crossed, 0, "the institutions disagree about what passed between them since the move");
        again_is_refused(&moved[0], folder, hooks, &old[0]);
    });
}

fn again_is_refused(one: &Moved, folder: &Path, hooks: u16, [backend, auth]: &[TestDatabase; 2]) {
    let mut command = Command::new(BINARY);
    command.args(["import", "--backend", backend.url(), "--auth", auth.url()]).env_clear();
    command.envs(one.variables(folder, hooks)).env("OLD_DB_ENCRYPTION_SECRET", COLUMN_SECRET);
    let refused = run(&mut command);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("a role has been started"), "{}", refused.stderr);
}

impl Moved {
    fn rows(&self, folder: &Path, sql: &str) -> Vec<Uuid> {
        let file = folder.join(format!("{}-backend.db", self.host));
        let connection = rusqlite::Connection::open(file).unwrap();
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
        rows.map(|id| Uuid::from_slice(&id.unwrap()).unwrap()).collect()
    }

    fn outgoing_in_flight(&self, folder: &Path) -> Vec<Uuid> {
        self.rows(folder, "SELECT id FROM outgoing_payments WHERE state = 'SENDING'")
    }

    /// Payments that can still be funded.
    fn waiting_for_funds(&self, folder: &Path) -> Vec<Uuid> {
        let sql = "SELECT p.id FROM outgoing_payments p JOIN quotes q ON q.id = p.id
            WHERE p.state = 'FUNDING' AND q.expires_at > 2000000000000 AND p.grant_id IS NULL";
        let waiting = self.rows(folder, sql);
        assert_eq!(waiting.len(), 2);
        waiting
    }

    async fn await_ready(&self) {
        for port in [self.ports + 1, self.ports + 3] {
            let up = until(Duration::from_mins(2), || async {
                let url = url::Url::parse(&format!("http://localhost:{port}/healthz")).unwrap();
                let answer = outbound().send(outbound_http::Request::get(url).configured()).await.ok()?;
                (answer.status == 200).then_some(())
            });
            assert!(up.await.is_some(), "{port} does not answer");
        }
    }

    /// Withdraws, like a wallet, the money that events have announced since the move.
    async fn withdraw(&self, folder: &Path, since: i64) {
        let sql = format!("SELECT id FROM webhook_events WHERE withdrawal_amount IS NOT NULL AND created_at > {since}");
        for event in self.rows(folder, &sql) {
            self.admin().withdraw_event_liquidity(event, &format!("withdrawn {event}")).await.unwrap();
        }
    }

    /// Waits until no delivery is due.
    async fn await_told(&self, folder: &Path) {
        let told = until(Duration::from_mins(2), || async {
            self.rows(folder, "SELECT id FROM webhook_deliveries WHERE state = 'PENDING'").is_empty().then_some(())
        });
        assert!(told.await.is_some(), "{} still has something to tell", self.host);
    }
}

#[test]
fn what_was_moved_in_goes_back_with_its_tokens_and_only_into_empty_databases() {
    block_on(async {
        let (moved, hooks) = (Moved::both(), 9);
        let one = &moved[0];
        let Some(old) = filled_elsewhere(one.institution, Part::Backend, &[]).await else { return };
        let old_auth = filled_elsewhere(one.institution, Part::Auth, &[]).await.unwrap();
        let (back, back_auth) = (rafiki_fixture::empty(Part::Backend).await, rafiki_fixture::empty(Part::Auth).await);
        let (back, back_auth) = (back.unwrap(), back_auth.unwrap());
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("way-back.key");
        std::fs::write(&key, "CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=\n").unwrap();
        let variables = one.variables(folder.path(), hooks);
        let rafiki = |arguments: &[&str]| {
            let mut command = Command::new(BINARY);
            command.args(arguments).arg("--way-back-key-file").arg(&key).env_clear().envs(variables.clone());
            run(command.env("OLD_DB_ENCRYPTION_SECRET", COLUMN_SECRET))
        };
        let import = ["import", "--backend", old.url(), "--auth", old_auth.url(), "--keep-way-back", "30d"];
        let import = rafiki(&import);
        assert_eq!(import.code, Some(0), "{}{}", import.stdout, import.stderr);

        let export = ["export", "--to-rafiki", "--backend", back.url(), "--auth", back_auth.url()];
        let plan = rafiki(&[&export[..], &["--dry-run"]].concat());
        assert_eq!(plan.code, Some(0), "{}{}", plan.stdout, plan.stderr);
        assert!(plan.stdout.contains("Nothing was written"), "{}", plan.stdout);
        let exported = rafiki(&export);
        println!("{}", exported.stdout);
        assert_eq!(exported.code, Some(0), "{}{}", exported.stdout, exported.stderr);
        assert!(exported.stdout.contains("Every total is equal"), "{}", exported.stdout);
        assert!(!exported.stdout.contains("cannot go back"), "{}", exported.stdout);

        let again = rafiki(&export);
        assert_eq!(again.code, Some(1));
        assert!(again.stderr.contains("holds a complete export"), "{}", again.stderr);
        let filled = rafiki(&["export", "--to-rafiki", "--backend", old.url(), "--auth", old_auth.url()]);
        assert_eq!(filled.code, Some(1));
        assert!(filled.stderr.contains("is not empty"), "{}", filled.stderr);
    });
}
