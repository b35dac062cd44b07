//! Serves every page with a simulated Admin API, for work on templates and styles: `cargo run --manifest-path
//! edges/console/Cargo.toml --example pages`. An address to listen on and the issuer of a sign-in provider may follow.
//!
//! It needs no instance and stores nothing.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use admin_client::Credentials;
use clock::{Clock, SystemClock, SystemEntropy};
use console::{
    Accent, Console, ConsolePorts, ConsoleSettings, Cookies, FourEyes, Lifetimes, Limit, OneClick, ProviderRole,
    ProviderSettings,
};
use http_kit::ShutdownGate;
use openid_connect::ClientSettings;
use outbound_http::{Outbound, OutboundConfig};
use shared_cache::{InProcessCache, InProcessLimits, Limiter, Rate, SharedCache};
use tokio::net::TcpListener;

#[path = "../tests/it/fake.rs"]
#[expect(clippy::unwrap_used, reason = "the played Admin API of the tests stops where something is not as expected")]
#[expect(dead_code, reason = "the tests use more of it")]
mod fake;

#[tokio::main]
async fn main() -> ExitCode {
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("The pages cannot be served: {error}. Give an address that is free, such as 127.0.0.1:0.");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let clock = Arc::new(SystemClock);
    let fake = fake::Fake::new(clock.now());
    let api = TcpListener::bind("127.0.0.1:0").await?;
    let address = api.local_addr()?;
    let graphql_url = format!("http://{address}/graphql").parse()?;
    if let Ok(mut here) = fake.here.lock() {
        *here = format!("http://{address}");
    }
    let router = fake.router();
    tokio::spawn(async move { axum::serve(api, router).await });

    let place = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3910".to_owned());
    let listener = TcpListener::bind(place).await?;
    let here = format!("http://{}", listener.local_addr()?);

    let one_click = |name: &str, tenant_id, secret: &str| OneClick {
        name: name.to_owned(),
        tenant_id,
        secret: secret.to_owned(),
        creator: None,
    };
    let folder = tempfile::tempdir()?;
    let settings = ConsoleSettings {
        institution: "Cloud Nine Wallet".to_owned(),
        base_path: String::new(),
        graphql_url,
        auth_graphql_url: Some(format!("http://{address}/auth/graphql").parse()?),
        signature_version: 1,
        open_payments_url: "https://cloud-nine.example".parse()?,
        cookie_secret: "of this example only".to_owned(),
        previous_cookie_secret: None,
        cookies: Cookies::Plain,
        lifetimes: Lifetimes { idle: Duration::from_hours(12), absolute: Duration::from_hours(12) },
        audit_file: folder.path().join("audit.jsonl"),
        four_eyes: Some(FourEyes {
            limits: vec![Limit { asset_code: "USD".to_owned(), digits: 1000, places: 0 }],
            lifetime: Duration::from_hours(24),
            window: Duration::from_hours(24),
        }),
        approvals_file: folder.path().join("approvals.json"),
        provider: std::env::args().nth(2).map(|issuer| provider(&issuer, &here)).transpose()?,
        accent: Accent::Teal,
        sign_ins: Rate::per_minute("sign-ins", 0),
        one_click: vec![
            one_click("Cloud Nine Wallet (operator)", fake::OPERATOR, fake::OPERATOR_SECRET),
            one_click("A second operator", fake::OPERATOR, fake::OPERATOR_SECRET),
            one_click("Corner Shop, a tenant", fake::TENANT, fake::TENANT_SECRET),
        ],
        neighbours: Vec::new(),
    };

    let cache = SharedCache::InProcess(InProcessCache::new(clock.clone(), InProcessLimits::default()));
    let ports = ConsolePorts {
        http: Outbound::new(OutboundConfig::development(), clock.clone())?,
        clock: clock.clone(),
        entropy: Arc::new(SystemEntropy),
        service: None,
        limiter: Limiter::new(cache, clock),
    };

    println!("{here}");
    let console = Console::new(settings, ports)?;
    Ok(axum::serve(listener, console::http::router(console, ShutdownGate::default())).await?)
}

/// The sign-in provider at `issuer`, for the console at `here`.
fn provider(issuer: &str, here: &str) -> Result<ProviderSettings, url::ParseError> {
    Ok(ProviderSettings {
        client: ClientSettings {
            issuer: issuer.parse()?,
            client_id: "console".to_owned(),
            client_secret: Some("a secret".to_owned()),
            redirect_url: format!("{here}/sign-in/callback").parse()?,
            scopes: "openid profile groups".to_owned(),
        },
        claim: "groups".to_owned(),
        roles: vec![("operators".to_owned(), ProviderRole::Operator)],
        operator: Credentials {
            tenant_id: fake::OPERATOR,
            secret: fake::OPERATOR_SECRET.to_owned(),
            signature_version: 1,
        },
    })
}
