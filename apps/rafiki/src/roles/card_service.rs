//! The card service as a role.
//! Its routes are in `edges/card-service`.

use std::sync::Arc;

use admin_client::{AdminClient, Credentials};
use card_service::{Callers, CardService, CardServicePorts, CardServiceSettings, PointOfSaleKeys, Tenants};
use http_kit::{EventVerification, ShutdownGate, Unsigned};
use open_payments_client::{KeySets, KeySetsConfig, PublicResources, RetryPolicy};
use service_auth::{Service, Wanted};
use shared_cache::Rate;
use tokio::net::TcpListener;

use super::cache::memory_limiter;
use super::identities::{Identities, identities};
use super::listening::{Exposure, announce, serving};
use super::ready::ready_until_stopped;
use super::running::Running;
use super::shared_deps::{SharedDeps, bind, open, tell};
use super::waiting::{Patience, for_places, meanwhile};
use crate::failure::Failure;
use crate::places::Place;
use crate::roles::signatures;

/// `rafiki card-service`
pub(crate) async fn run() -> Result<(), Failure> {
    let environment = config::Environment::load()?;
    let config = config::CardService::from_environment(&environment)?;
    telemetry::start(&config.log_level, telemetry::LogFormat::Text).map_err(|e| Failure::start("logging", e))?;
    let deps = SharedDeps::new(config.mode, &config.outbound_allowed_hosts)?;
    let listener = bind("the card service", Exposure::Public.address(&config.listeners), config.port).await?;
    announce(&[("card service", Exposure::Public, &listener)]);
    tell(&config.notices, &environment);
    meanwhile(&[&listener], for_places(&Place::of_card_service(&config), Patience::Endless)).await?;
    let running = start(&config, listener, &deps).await?;
    tracing::info!(port = config.port, "card service ready");
    ready_until_stopped(&environment).await;
    running.stop().await;
    Ok(())
}

/// Starts the card service.
pub(crate) async fn start(
    config: &config::CardService,
    listener: TcpListener,
    deps: &SharedDeps,
) -> Result<Running, Failure> {
    let database = open(&Place::of_card_service(config)).await?;
    CardService::migrate(&database).await.map_err(|e| Failure::start("the card service's database", e))?;
    let identities = identities(&config.service_auth, deps)?;
    let ports = CardServicePorts {
        database: database.clone(),
        tenants: tenants(config, deps, &identities)?,
        limiter: memory_limiter(Arc::clone(&deps.clock)),
        clock: Arc::clone(&deps.clock),
        entropy: Arc::clone(&deps.entropy),
    };
    let service = CardService::new(settings(config, deps, &identities), ports);
    let gate = ShutdownGate::default();
    let mut running = Running::new("card-service", serving(&config.listeners));
    running.serve_services(
        listener,
        card_service::http::router(service.clone(), gate.clone()),
        identities.tls.as_ref(),
    );
    identities.watch_files(&mut running);
    running.work(|stop| async move {
        service.work(stop).await;
        gate.close();
    });
    running.on_close(async move { database.close().await });
    Ok(running)
}

fn tenants(config: &config::CardService, deps: &SharedDeps, identities: &Identities) -> Result<Tenants, Failure> {
    let client = |tenant_id, secret: &config::Secret| {
        let credentials = Credentials {
            tenant_id,
            secret: secret.expose().to_owned(),
            signature_version: config.tenant_signature_version,
        };
        let clock = Arc::clone(&deps.clock);
        let admin = AdminClient::new(config.graphql_url.clone(), credentials, deps.http.clone(), clock);
        identities.admin(admin, Wanted::CARD_PAYMENTS)
    };
    let mut tenants = Tenants::one(client(config.tenant_id, &config.tenant_secret));
    for tenant in &config.tenants {
        let prefix = tenant.wallet_address_prefix.as_str().parse();
        let prefix =
            prefix.map_err(|error| Failure::start("the card service", format!("CARD_TENANTS_FILE: {error}")))?;
        tenants = tenants.with(prefix, client(tenant.tenant_id, &tenant.tenant_secret));
    }
    Ok(tenants)
}

fn settings(config: &config::CardService, deps: &SharedDeps, identities: &Identities) -> CardServiceSettings {
    let public = PublicResources::new(deps.http.clone(), RetryPolicy::default(), Arc::clone(&deps.clock));
    let keys = PointOfSaleKeys {
        keys: Arc::new(KeySets::new(public, KeySetsConfig::default(), Arc::clone(&deps.clock))),
        freshness: signatures::freshness(&config.signatures),
        origin: signatures::target_origin(&config.signatures, config.mode, config.trust_proxy),
    };
    CardServiceSettings {
        timeout: config.payment_timeout,
        timestamp_tolerance: config.timestamp_tolerance,
        events: verification(&config.events, identities, Service::CardHooks),
        callers: match config.unsigned_requests {
            config::UnsignedWebhooks::Refused => Callers::Signed(keys),
            config::UnsignedWebhooks::Believed => Callers::Anybody(keys),
        },
        per_source: Rate::per_minute("card-requests", config.requests_per_minute),
        per_wallet_address: Rate::per_minute("card-requests-of-payer", config.requests_per_minute_per_payer),
    }
}

/// How events are verified, from the section that both services have.
pub(crate) fn verification(events: &config::Events, identities: &Identities, service: Service) -> EventVerification {
    let secrets = [Some(&events.secret), events.previous_secret.as_ref()];
    // An empty secret is one that was not given, because only tokens are accepted.
    let secrets = secrets.into_iter().flatten().map(config::Secret::expose).filter(|secret| !secret.is_empty());
    EventVerification {
        identities: identities.accepted.clone(),
        service,
        secrets: secrets.map(str::to_owned).collect(),
        version: events.version,
        tolerance: events.tolerance,
        unsigned: match events.unsigned {
            config::UnsignedWebhooks::Refused => Unsigned::Refused,
            config::UnsignedWebhooks::Believed => Unsigned::Believed,
        },
    }
}
