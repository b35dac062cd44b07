//! Serves every page with a simulated Admin API, for work on templates and styles: `cargo run --manifest-path
//! edges/console/Cargo.toml --example pages`.
//!
//! It needs no instance and stores nothing.

#![expect(clippy::unwrap_used, reason = "an example stops where something is not as expected")]
#![expect(dead_code, reason = "the tests use more of the played Admin API")]

use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, SystemClock, SystemEntropy};
use console::{Accent, Console, ConsolePorts, ConsoleSettings, Cookies, Lifetimes, OneClick};
use http_kit::ShutdownGate;
use outbound_http::{Outbound, OutboundConfig};
use shared_cache::{InProcessCache, InProcessLimits, Limiter, Rate, SharedCache};
use tokio::net::TcpListener;

#[path = "../tests/it/fake.rs"]
mod fake;

#[tokio::main]
async fn main() {
    let clock = Arc::new(SystemClock);
    let fake = fake::Fake::new(clock.now());
    let api = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = api.local_addr().unwrap();
    let graphql_url = format!("http://{address}/graphql").parse().unwrap();
    let router = fake.router();
    tokio::spawn(async move { axum::serve(api, router).await });

    let one_click = |name: &str, tenant_id, secret: &str| OneClick {
        name: name.to_owned(),
        tenant_id,
        secret: secret.to_owned(),
        creator: None,
    };
    let folder = tempfile::tempdir().unwrap();
    let settings = ConsoleSettings {
        institution: "Cloud Nine Wallet".to_owned(),
        graphql_url,
        auth_graphql_url: Some(format!("http://{address}/auth/graphql").parse().unwrap()),
        signature_version: 1,
        open_payments_url: "https://cloud-nine.example".parse().unwrap(),
        cookie_secret: "of this example only".to_owned(),
        cookies: Cookies::Plain,
        lifetimes: Lifetimes { idle: Duration::from_hours(12), absolute: Duration::from_hours(12) },
        audit_file: folder.path().join("audit.jsonl"),
        accent: Accent::Teal,
        sign_ins: Rate::per_minute("sign-ins", 0),
        one_click: vec![
            one_click("Cloud Nine Wallet (operator)", fake::OPERATOR, fake::OPERATOR_SECRET),
            one_click("Corner Shop, a tenant", fake::TENANT, fake::TENANT_SECRET),
        ],
        neighbours: Vec::new(),
    };

    let cache = SharedCache::InProcess(InProcessCache::new(clock.clone(), InProcessLimits::default()));
    let ports = ConsolePorts {
        http: Outbound::new(OutboundConfig::development(), clock.clone()).unwrap(),
        clock: clock.clone(),
        entropy: Arc::new(SystemEntropy),
        limiter: Limiter::new(cache, clock),
    };

    let place = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3910".to_owned());
    let listener = TcpListener::bind(place).await.unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    let console = Console::new(settings, ports).unwrap();
    axum::serve(listener, console::http::router(console, ShutdownGate::default())).await.unwrap();
}
