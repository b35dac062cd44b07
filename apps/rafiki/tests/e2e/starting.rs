//! The first start: several starts at once, places that cannot be used, and the messages of the commands.
//!
//! Payments are tested in `payments`.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use testkit::{TestDatabase, block_on, free_ports, until};

use crate::institutions::{BINARY, Run, run, run_role};

const OPERATOR: &str = "438fa74a-fa7d-4317-9ced-dde32ece1787";

/// The complete variables of a backend, with ports of its own.
fn backend(database: &str, ports: u16) -> Vec<(String, String)> {
    let port = |n: u16| (ports + n).to_string();
    [
        ("NODE_ENV", "development".to_owned()),
        ("LISTEN_ADDRESS", "127.0.0.1".to_owned()),
        ("OPEN_PAYMENTS_URL", format!("https://localhost:{}", port(0))),
        ("AUTH_SERVER_GRANT_URL", "http://localhost:3006".to_owned()),
        ("AUTH_SERVER_INTROSPECTION_URL", "http://localhost:3007".to_owned()),
        ("AUTH_SERVICE_API_URL", "http://localhost:3011".to_owned()),
        ("ILP_ADDRESS", "test.alone".to_owned()),
        ("ILP_CONNECTOR_URL", format!("http://localhost:{}", port(2))),
        ("INSTANCE_NAME", "ALONE".to_owned()),
        ("KEY_ID", "a-key".to_owned()),
        ("WEBHOOK_URL", "http://localhost:3030/webhooks".to_owned()),
        ("ADMIN_API_SECRET", "an admin secret of our own".to_owned()),
        ("SIGNATURE_SECRET", "a webhook secret of our own".to_owned()),
        ("STREAM_SECRET", "BjPXtnd00G2mRQwP/8ZpwyZASOch5sUXT5o0iR5b5wU=".to_owned()),
        ("OPERATOR_TENANT_ID", OPERATOR.to_owned()),
        ("OPEN_PAYMENTS_PORT", port(0)),
        ("ADMIN_PORT", port(1)),
        ("CONNECTOR_PORT", port(2)),
        ("DATABASE_URL", database.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

fn borrowed(variables: &[(String, String)]) -> Vec<(&str, &str)> {
    variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn with(mut variables: Vec<(String, String)>, name: &str, value: &str) -> Vec<(String, String)> {
    variables.retain(|(known, _)| known != name);
    variables.push((name.to_owned(), value.to_owned()));
    variables
}

fn env_file(folder: &Path, name: &str, variables: &[(String, String)]) -> String {
    let lines: String =
        variables.iter().map(|(name, value)| format!("{name}='{value}'\n")).collect::<Vec<_>>().concat();
    let path = folder.join(name);
    std::fs::write(&path, lines).unwrap();
    path.display().to_string()
}

fn command(arguments: &[&str], variables: &[(String, String)]) -> Run {
    run(Command::new(BINARY).args(arguments).envs(borrowed(variables)))
}

fn sqlite(file: &Path) -> String {
    format!("sqlite:{}", file.display())
}

#[test]
fn two_backends_started_together_on_an_empty_postgres_both_come_up() {
    block_on(async {
        for _ in 0..4 {
            let Some(database) = TestDatabase::postgres().await else { return };
            let ports = [free_ports(), free_ports()];
            let mut children = ports.map(|ports| {
                let mut command = Command::new(BINARY);
                command.arg("backend").envs(borrowed(&backend(database.url(), ports))).env("LOG_LEVEL", "error");
                command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
            });
            for (child, ports) in children.iter_mut().zip(ports) {
                let up = until(Duration::from_mins(1), || {
                    let ended = child.try_wait().unwrap().is_some();
                    async move {
                        let is_up = || status(ports + 1).filter(|status| *status == 200).map(|_| true);
                        if ended { Some(false) } else { is_up() }
                    }
                });
                assert_eq!(up.await, Some(true), "a backend ended or did not become ready");
            }
            for mut child in children {
                child.kill().unwrap();
                child.wait().unwrap();
            }
        }
    });
}

/// The answer of `GET /healthz` on this port, if there is one.
fn status(port: u16) -> Option<u16> {
    use std::io::{Read, Write};
    let mut connection = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
    connection.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    connection.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).ok()?;
    answer.split(' ').nth(1)?.parse().ok()
}

#[test]
fn a_backend_waits_for_a_database_that_is_not_up_says_so_and_is_not_ready_meanwhile() {
    block_on(async {
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let ports = free_ports();
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let variables = backend(&format!("postgres://rafiki:hunter2@127.0.0.1:{nobody}/rafiki"), ports);
        let mut child = Command::new(BINARY)
            .arg("backend")
            .envs(borrowed(&variables))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let not_ready = until(Duration::from_mins(1), || async { status(ports + 1) }).await;
        let told = until(Duration::from_mins(1), || async {
            let log = std::fs::read_to_string(&log).unwrap();
            (log.matches("trying again in").count() >= 2).then_some(log)
        })
        .await;
        let ended = child.try_wait().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!((not_ready, ended), (Some(503), None));
        let told = told.expect("a line for every try");
        assert!(told.contains(&format!("no Postgres server listens at 127.0.0.1:{nobody}")), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    });
}

#[test]
fn every_role_leaves_the_database_of_the_original_alone_and_says_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("theirs.db");
    let theirs = rusqlite::Connection::open(&file).unwrap();
    let tables = "CREATE TABLE knex_migrations (id, name, batch, migration_time); CREATE TABLE tenants (id)";
    theirs.execute_batch(tables).unwrap();
    drop(theirs);
    let before = std::fs::read(&file).unwrap();
    let ports = free_ports();
    let backend = backend(&sqlite(&file), ports);
    let auth = auth(&sqlite(&file), ports);
    let wallet = wallet(&sqlite(&file), ports);
    for (role, variables) in [("backend", &backend), ("auth", &auth), ("wallet", &wallet)] {
        for refused in [run_role(role, &borrowed(variables)), command(&["migrate", role], variables)] {
            assert_eq!(refused.code, Some(1), "{role}");
            assert!(refused.stderr.contains("the tables of the original Rafiki"), "{role}: {}", refused.stderr);
            assert!(refused.stderr.contains("rafiki import --backend"), "{role}: {}", refused.stderr);
        }
    }
    assert_eq!(std::fs::read(&file).unwrap(), before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing lies beside it");
}

fn auth(database: &str, ports: u16) -> Vec<(String, String)> {
    let port = |n: u16| (ports + n).to_string();
    [
        ("NODE_ENV", "development".to_owned()),
        ("LISTEN_ADDRESS", "127.0.0.1".to_owned()),
        ("AUTH_SERVER_URL", "http://localhost:3006".to_owned()),
        ("IDENTITY_SERVER_URL", "http://localhost:3030/mock-idp/".to_owned()),
        ("IDENTITY_SERVER_SECRET", "an idp secret of our own".to_owned()),
        ("ADMIN_API_SECRET", "an admin secret of our own".to_owned()),
        ("OPERATOR_TENANT_ID", OPERATOR.to_owned()),
        ("COOKIE_KEY", "a cookie key of our own".to_owned()),
        ("AUTH_DATABASE_URL", database.to_owned()),
        ("AUTH_PORT", port(5)),
        ("ADMIN_PORT", port(6)),
        ("INTERACTION_PORT", port(7)),
        ("INTROSPECTION_PORT", port(8)),
        ("SERVICE_API_PORT", port(9)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

fn wallet(database: &str, ports: u16) -> Vec<(String, String)> {
    [
        ("NODE_ENV", "development".to_owned()),
        ("LISTEN_ADDRESS", "127.0.0.1".to_owned()),
        ("OPEN_PAYMENTS_URL", format!("https://localhost:{ports}")),
        ("GRAPHQL_URL", format!("http://localhost:{}/graphql", ports + 1)),
        ("OPERATOR_TENANT_ID", OPERATOR.to_owned()),
        ("SIGNATURE_SECRET", "an admin secret of our own".to_owned()),
        ("WEBHOOK_SIGNATURE_SECRET", "a webhook secret of our own".to_owned()),
        ("DATABASE_URL", database.to_owned()),
        ("PORT", (ports + 10).to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

#[test]
fn migrating_says_what_it_did_and_refuses_before_the_first_role_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backend.db");
    let variables = backend(&sqlite(&file), free_ports());
    let nothing_done = command(&["migrate"], &variables);
    assert_eq!(nothing_done.code, Some(1));
    assert!(nothing_done.stderr.contains("AUTH_SERVER_URL") && nothing_done.stderr.contains("Nothing was changed"));
    assert!(!file.exists());
    let first = command(&["migrate", "backend"], &variables);
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    assert!(first.stdout.contains("applied 0001_backend"), "{}", first.stdout);
    assert!(first.stdout.contains("made the tables of the ledger"), "{}", first.stdout);
    let second = command(&["migrate", "backend"], &variables);
    assert_eq!(second.stdout, "backend: nothing to do, everything was up to date\n", "{}", second.stderr);
}

#[test]
fn with_manual_migrations_the_missing_steps_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let variables = backend(&sqlite(&folder.path().join("backend.db")), free_ports());
    let refused = run_role("backend", &borrowed(&with(variables, "ENABLE_MANUAL_MIGRATIONS", "true")));
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("0001_backend") && refused.stderr.contains("rafiki migrate"), "{}", refused.stderr);
}

#[test]
fn checking_finds_every_mistake_that_would_stop_or_cripple_a_role() {
    let folder = tempfile::tempdir().unwrap();
    let ports = free_ports();
    let good = backend(&sqlite(&folder.path().join("backend.db")), ports);
    let no_key = folder.path().join("no-key.pem");
    std::fs::write(&no_key, "no key").unwrap();
    let no_key = no_key.display().to_string();
    let text = folder.path().join("text.db");
    std::fs::write(&text, "no database at all, but some hundred octets of text. ".repeat(4)).unwrap();
    let (text, port) = (sqlite(&text), (ports + 2).to_string());
    let mistakes: [(&str, &str, &str); 8] = [
        ("PRIVATE_KEY_FILE", "/nowhere/key.pem", "cannot read"),
        ("PRIVATE_KEY_FILE", &no_key, "without an Ed25519 private key"),
        ("ADMIN_PORT", &port, "and so is ADMIN_PORT"),
        ("DATABASE_URL", &text, "is not a SQLite database"),
        ("STREAM_SECRET", "c2hvcnQ=", "must be base64 of 32 octets"),
        ("KEY_ID", "a\u{e9}", "KEY_ID"),
        ("ILP_ADDRESS", "nowhere", "ILP_ADDRESS"),
        ("REDIS_URL", "localhost", "REDIS_URL"),
    ];
    for (name, value, told) in mistakes {
        let file = env_file(folder.path(), "backend.env", &with(good.clone(), name, value));
        let checked = command(&["config", "check", &format!("backend={file}")], &[]);
        assert_eq!(checked.code, Some(1), "{name}={value}: {}", checked.stdout);
        assert!(checked.stdout.contains(told), "{name}={value}: {}", checked.stdout);
    }
    let warnings: [(&str, &str, &str); 4] = [
        ("STREAM_SECRET", "", "STREAM_SECRET is not set"),
        ("ADMIN_API_SECRET", "secret", "ADMIN_API_SECRET is a published example"),
        ("ADMIN_API_SECRT", "x", "did you mean ADMIN_API_SECRET?"),
        ("DATABASE_URL", "postgres://u:hunter2@127.0.0.1:1/d", "no Postgres server listens at 127.0.0.1:1"),
    ];
    for (name, value, told) in warnings {
        let file = env_file(folder.path(), "backend.env", &with(good.clone(), name, value));
        let checked = command(&["config", "check", &format!("backend={file}")], &[]);
        assert_eq!(checked.code, Some(0), "{name}={value}: {}", checked.stdout);
        assert!(checked.stdout.contains("): good, with ") && checked.stdout.contains(told), "{}", checked.stdout);
        assert!(!checked.stdout.contains("hunter2"), "{}", checked.stdout);
    }
    assert!(!folder.path().join("backend.db").exists(), "checking makes nothing");
}

#[test]
fn checking_several_roles_finds_what_does_not_fit_together() {
    let folder = tempfile::tempdir().unwrap();
    let ports = free_ports();
    let file = |name: &str| sqlite(&folder.path().join(name));
    let own_auth = with(auth(&file("auth.db"), ports), "AUTH_PORT", "3006");
    let own_auth = with(own_auth, "INTROSPECTION_PORT", "3007");
    let own_backend = backend(&file("backend.db"), ports);
    let check = |backend: &[(String, String)]| {
        let backend = env_file(folder.path(), "b.env", backend);
        let auth = env_file(folder.path(), "a.env", &own_auth);
        let wallet = env_file(folder.path(), "w.env", &wallet(&file("wallet.db"), ports));
        let [backend, auth, wallet] =
            [("backend", backend), ("auth", auth), ("wallet", wallet)].map(|(role, file)| format!("{role}={file}"));
        command(&["config", "check", "--offline", &backend, &auth, &wallet], &[])
    };
    let good = check(&own_backend);
    assert_eq!(good.code, Some(0), "{}", good.stdout);
    assert!(good.stdout.contains("together: good\n"), "{}", good.stdout);
    let unsigned = check(&with(own_backend, "SIGNATURE_SECRET", ""));
    assert_eq!(unsigned.code, Some(1), "{}", unsigned.stdout);
    assert!(unsigned.stdout.contains("together: 1 problem"), "{}", unsigned.stdout);
    assert!(unsigned.stdout.contains("SIGNATURE_SECRET is not set at backend"), "{}", unsigned.stdout);
}

#[test]
fn an_unreadable_ledger_and_a_damaged_one_are_reported_differently() {
    let folder = tempfile::tempdir().unwrap();
    let verify = |place: &str| command(&["ledger", "verify", place], &[]);
    let file = folder.path().join("ledger.db");
    let none = verify(&sqlite(&file));
    assert_eq!(none.code, Some(3));
    assert!(none.stderr.contains("is not a ledger: there is no such file"), "{}", none.stderr);
    let dead = verify("tigerbeetle://127.0.0.1:1/0");
    assert_eq!(dead.code, Some(3));
    assert!(dead.stderr.contains("no replica of the TigerBeetle cluster answers"), "{}", dead.stderr);

    let migrated = command(&["migrate", "backend"], &backend(&sqlite(&folder.path().join("b.db")), free_ports()));
    assert_eq!(migrated.code, Some(0), "{}", migrated.stderr);
    let ledger = folder.path().join("b-ledger.db");
    assert_eq!(verify(&sqlite(&ledger)).code, Some(0));
    let connection = rusqlite::Connection::open(&ledger).unwrap();
    connection.execute_batch("INSERT INTO timeouts VALUES (5, 5)").unwrap();
    drop(connection);
    let unsound = verify(&sqlite(&ledger));
    assert_eq!(unsound.code, Some(1), "{}", unsound.stdout);
    assert!(unsound.stdout.contains("NOT SOUND"), "{}", unsound.stdout);
}
