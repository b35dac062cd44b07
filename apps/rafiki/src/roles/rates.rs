//! The service of exchange rates as a role.
//! Its routes and its file are in `edges/rates-service`.

use http_kit::{Access, Declared};
use std::path::Path;

use config::Mode;
use rates_service::{RatesService, UnknownBase, http};

use super::identities::identities;
use super::listening::{Exposure, announce, serving};
use super::ready::ready_until_stopped;
use super::running::Running;
use super::shared_deps::{SharedDeps, bind, tell};
use crate::failure::Failure;

/// `rafiki rates`
pub(crate) async fn run() -> Result<(), Failure> {
    let environment = config::Environment::load()?;
    let config = config::Rates::from_environment(&environment)?;
    telemetry::start(&config.log_level, telemetry::LogFormat::Text).map_err(|e| Failure::start("logging", e))?;
    let listener = bind("the service of rates", Exposure::Private.address(&config.listeners), config.port).await?;
    announce(&[("rates", Exposure::Private, &listener)]);
    tell(&config.notices, &environment);
    let deps = SharedDeps::new(Mode::Production, &[])?;
    let unknown_base = match config.unknown_base {
        config::UnknownBase::Empty => UnknownBase::Empty,
        config::UnknownBase::NotFound => UnknownBase::NotFound,
    };
    let service = service(&config.file).await?.with_unknown_base(unknown_base);
    let mut running = Running::new("rates", serving(&config.listeners));
    let health = axum::Router::new().declare("/healthz", Access::Health, axum::routing::get(async || "OK"));
    let identities = identities(&config.service_auth, &deps)?;
    let callers = identities.readers_of_rates(&deps.clock);
    running.serve_services(listener, http::router(service, callers).merge(health), identities.tls.as_ref());
    identities.watch_files(&mut running);
    tracing::info!(port = config.port, file = %config.file.display(), "rates ready");
    ready_until_stopped(&environment).await;
    running.stop().await;
    Ok(())
}

/// The rates of `file`, which must be usable.
pub(crate) async fn service(file: &Path) -> Result<RatesService, Failure> {
    RatesService::of_file(file).await.map_err(|error| Failure::start(format!("RATES_FILE={}", file.display()), error))
}
