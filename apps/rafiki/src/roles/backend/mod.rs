//! The backend as a role: Open Payments, connector, Admin API and workers over one database and one ledger.
//!
//! The parts are made in this order: stores, services, routers, workers. Each is in a file of its own.

mod alerts;
pub(crate) mod collectors;
mod directory_sync;
mod engine;
mod ledger_watch;
mod peer_certificates;
mod peer_notes;
mod routers;
mod services;
mod stores;
mod timed_ledger;
mod workers;

use std::time::Duration;

use http_kit::ShutdownGate;
use operator_api::{Instance, LedgerHealth};
use tokio::net::TcpListener;

pub(crate) use self::engine::open as open_ledger;
pub(crate) use self::services::signer;

use self::ledger_watch::{LedgerWatch, Monitor, Outbox};
use self::routers::Routers;
use self::services::Services;
use self::stores::Stores;
use super::cache::for_cache;
use super::listening::{Exposure, announce, serving};
use super::ready::ready_until_stopped;
use super::running::Running;
use super::shared_deps::{SharedDeps, bind, tell};
use super::waiting::{Patience, for_places, meanwhile};
use crate::failure::Failure;
use crate::places::Place;

/// How long the gate may take to end waiting requests.
const GATE_MAX: Duration = Duration::from_secs(1);

/// The listeners of the role.
pub(crate) struct BackendListeners {
    pub(crate) open_payments: TcpListener,
    pub(crate) admin: TcpListener,
    pub(crate) connector: TcpListener,
    /// Only if `ENABLE_AUTO_PEERING`.
    pub(crate) auto_peering: Option<TcpListener>,
}

/// `rafiki backend`
pub(crate) async fn run() -> Result<(), Failure> {
    let environment = config::Environment::load()?;
    let config = config::Backend::from_environment(&environment)?;
    let traces = collectors::start_logging(&config.log_level, &config.instance_name, &config.telemetry)?;

    let deps = SharedDeps::new(config.mode, &config.outbound_allowed_hosts)?;
    let ports = config.ports;
    let public = Exposure::Public.address(&config.listeners);
    let listeners = BackendListeners {
        open_payments: bind("Open Payments", public, ports.open_payments).await?,
        admin: bind("the Admin API", Exposure::Private.address(&config.listeners), ports.admin).await?,
        connector: bind("the connector", public, ports.connector).await?,
        auto_peering: if config.auto_peering.enabled {
            Some(bind("auto-peering", public, ports.auto_peering).await?)
        } else {
            None
        },
    };

    let BackendListeners { open_payments, admin, connector, auto_peering } = &listeners;
    let mut announced = vec![
        ("Open Payments", Exposure::Public, open_payments),
        ("connector", Exposure::Public, connector),
        ("Admin API", Exposure::Private, admin),
    ];
    announced.extend(auto_peering.as_ref().map(|listener| ("auto-peering", Exposure::Public, listener)));
    announce(&announced);
    tell(&config.notices, &environment);

    let stores_are_up = async {
        for_places(&Place::of_backend(&config), Patience::Endless).await?;
        for_cache(config.redis.as_ref(), Patience::Endless).await
    };
    let listening: Vec<_> = announced.iter().map(|(_, _, listener)| *listener).collect();
    meanwhile(&listening, stores_are_up).await?;

    let running = start(&config, listeners, &deps).await?;
    tracing::info!(instance = config.instance_name, ?ports, "backend ready");
    ready_until_stopped(&environment).await;
    running.stop().await;
    if let Some(traces) = traces {
        collectors::flush(traces).await;
    }
    Ok(())
}

/// Starts the backend on these listeners.
pub(crate) async fn start(
    config: &config::Backend,
    listeners: BackendListeners,
    deps: &SharedDeps,
) -> Result<Running, Failure> {
    let stores = Stores::open(config, deps).await?;
    let mut services = Services::over(&stores, config, deps).await?;
    let (metrics, amounts) = (services.metrics.clone(), services.amounts.take());

    let health = LedgerHealth::of(Instance {
        name: config.instance_name.clone(),
        ilp_address: config.ilp_address.to_string(),
        connector_url: config.ilp_connector_url.clone(),
    });
    let outbox = Outbox { store: stores.store.clone(), webhooks: services.webhooks.clone(), operator: stores.operator };
    let monitor = Monitor::open(config).await?;
    let watch = services.metrics.gather(|| LedgerWatch::new(config, monitor, outbox, health.clone(), deps));

    let gate = ShutdownGate::default();
    let routers = Routers::over(&stores, &services, config, deps, health, gate.clone());
    let mut running = Running::new("backend", serving(&config.listeners));
    running.count_calls(collectors::calls(&metrics));
    running.serve(listeners.open_payments, routers.open_payments);
    running.serve_services(listeners.admin, routers.admin, services.identities.tls.as_ref());
    services.identities.watch_files(&mut running);
    running.serve(listeners.connector, routers.connector);
    if let Some(listener) = listeners.auto_peering {
        running.serve(listener, routers.auto_peering);
    }

    if let Some((amounts, dollars)) = amounts {
        let deps = deps.clone();
        running.work(|stop| async move {
            tokio::select! {
                () = stop => {}
                () = collectors::tell_amounts(amounts, dollars, deps) => {}
            }
        });
    }
    let connector = services.connector.clone();
    workers::start(&mut running, &stores, services, watch, config, deps);
    running.drain(GATE_MAX, async move { gate.close() });
    // Packets under way are finished before the ledger closes, because the next peer may have fulfilled them.
    running.drain(connector.longest_stop(), async move { connector.stop().await });
    running.on_close(async move { stores.database.close().await });
    running.on_close(async move {
        // Spans that could not be sent are in the log.
        let _ = tokio::task::spawn_blocking(move || metrics.flush()).await;
    });
    Ok(running)
}
