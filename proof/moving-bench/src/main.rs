//! `cargo xtask bench move`: moves a Rafiki 2.4 with many payments twice, with the built binary, and prints time and
//! memory of each pass. Nothing has changed before the second pass, so its time is the shortest possible downtime.
//!
//! The only check is that every pass succeeds.

#![expect(clippy::unwrap_used, reason = "a measurement stops where something is not as expected")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use clap::{Parser, ValueEnum};
use clock::Stopwatch;
use rafiki_fixture::{COLUMN_SECRET, Institution, Part};
use testkit::{Dialect, TestDatabase, block_on};

/// How often the memory of the running command is read.
const READ_EVERY: Duration = Duration::from_millis(200);

const OPERATOR: &str = "438fa74a-fa7d-4317-9ced-dde32ece1787";

/// Where the data is moved to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Into {
    Sqlite,
    Postgres,
}

#[derive(Debug, Parser)]
struct Options {
    /// How many payments are moved: half of them sent, half received.
    #[arg(default_value_t = 1_000_000)]
    payments: u32,
    /// Where they are moved to.
    #[arg(long, value_enum, default_value_t = Into::Sqlite)]
    into: Into,
    /// The binary that moves them.
    #[arg(long, default_value = "target/dist/rafiki")]
    binary: PathBuf,
}

/// Time and memory of one pass.
struct Pass {
    elapsed: Duration,
    /// As the system reports it.
    peak: String,
}

fn main() {
    let options = Options::parse();
    block_on(measure(&options));
}

async fn measure(options: &Options) {
    let made = Stopwatch::start();
    // Without a Postgres the fixture has said so.
    let Some(backend) = rafiki_fixture::filled(Institution::CloudNine, Part::Backend).await else { return };
    let auth = rafiki_fixture::filled(Institution::CloudNine, Part::Auth).await.unwrap();
    rafiki_fixture::add_many(&backend, options.payments / 2).await;
    println!("made {} payments in {} s", options.payments, made.elapsed().as_secs());

    let folder = tempfile::tempdir().unwrap();
    let ours = Ours::of(options.into, folder.path()).await;
    for title in ["first pass", "second pass"] {
        let pass = pass(options, &backend, &auth, &ours);
        let millis = pass.elapsed.as_millis().max(1);
        let rate = u128::from(options.payments) * 1000 / millis;
        println!(
            "{title} into {:?}: {}.{} s, {rate} payments/s, {}",
            options.into,
            millis / 1000,
            millis / 100 % 10,
            pass.peak
        );
    }
}

/// Our empty databases.
struct Ours {
    backend: String,
    auth: String,
    /// Databases end with these.
    _databases: Vec<TestDatabase>,
}

impl Ours {
    async fn of(into: Into, folder: &Path) -> Self {
        match into {
            Into::Sqlite => {
                let file = |name: &str| format!("sqlite:{}", folder.join(name).display());
                Self { backend: file("backend.db"), auth: file("auth.db"), _databases: Vec::new() }
            }
            Into::Postgres => {
                let backend = TestDatabase::of(Dialect::Postgres).await.unwrap();
                let auth = TestDatabase::of(Dialect::Postgres).await.unwrap();
                let urls = [backend.url().to_owned(), auth.url().to_owned()];
                let [one, two] = urls;
                Self { backend: one, auth: two, _databases: vec![backend, auth] }
            }
        }
    }
}

/// Runs the import and watches it.
fn pass(options: &Options, backend: &TestDatabase, auth: &TestDatabase, ours: &Ours) -> Pass {
    let took = Stopwatch::start();
    let mut child = Command::new(&options.binary)
        .args(["import", "--backend", backend.url(), "--auth", auth.url(), "--old-webhook-retries", "3"])
        .env_clear()
        .env("OLD_DB_ENCRYPTION_SECRET", COLUMN_SECRET)
        .envs(variables())
        .envs([("DATABASE_URL", &ours.backend), ("AUTH_DATABASE_URL", &ours.auth)])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut peak = String::new();
    let status = loop {
        if let Some(now) = peak_of(child.id()) {
            peak = now;
        }
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None => std::thread::sleep(READ_EVERY),
        }
    };
    let elapsed = took.elapsed();
    assert!(status.success(), "the import ended with {status}");
    Pass { elapsed, peak }
}

/// The peak memory of a process, if the system reports it.
fn peak_of(process: u32) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    Some(format!("at most{} of memory", line.trim_start_matches("VmHWM:").replace('\t', " ")))
}

/// The environment of the institution that moves.
fn variables() -> [(&'static str, &'static str); 21] {
    [
        ("NODE_ENV", "development"),
        ("LOG_LEVEL", "warn"),
        ("OPEN_PAYMENTS_URL", "https://cloud-nine.example"),
        ("AUTH_SERVER_GRANT_URL", "http://localhost:3006"),
        ("AUTH_SERVER_INTROSPECTION_URL", "http://localhost:3007"),
        ("AUTH_SERVICE_API_URL", "http://localhost:3011"),
        ("ILP_ADDRESS", "test.cloud-nine-wallet-test"),
        ("ILP_CONNECTOR_URL", "http://localhost:3002"),
        ("INSTANCE_NAME", "cloud-nine"),
        ("KEY_ID", "a-key"),
        ("WEBHOOK_URL", "http://localhost:9/webhooks"),
        ("WEBHOOK_MAX_RETRY", "3"),
        ("EXCHANGE_RATES_URL", "http://localhost:9/rates"),
        ("ADMIN_API_SECRET", "iyIgCprjb9uL8wFckR+pLEkJWMB7FJhgkvqhTQR/964="),
        ("SIGNATURE_SECRET", "a webhook secret of our own"),
        ("STREAM_SECRET", "BjPXtnd00G2mRQwP/8ZpwyZASOch5sUXT5o0iR5b5wU="),
        ("OPERATOR_TENANT_ID", OPERATOR),
        ("AUTH_SERVER_URL", "http://localhost:3006"),
        ("IDENTITY_SERVER_URL", "http://localhost:3030/mock-idp/"),
        ("IDENTITY_SERVER_SECRET", "2pEcn2kkCclbOHQiGNEwhJ0rucATZhrA807HTm2rNXE="),
        ("COOKIE_KEY", "a cookie key of our own"),
    ]
}
