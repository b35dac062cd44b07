//! The point of sale as a role.
//! Its routes are in `edges/point-of-sale`.

use std::sync::Arc;

use admin_client::{AdminClient, Credentials};
use config::Mode;
use http_kit::ShutdownGate;
use http_signatures::{Signer, SigningKey};
use point_of_sale::{PointOfSale, PointOfSalePorts, PointOfSaleSettings, Terminals};
use service_auth::{Service, Wanted};
use shared_cache::Rate;
use tokio::net::TcpListener;

use super::cache::memory_limiter;
use super::card_service::verification;
use super::identities::{Identities, identities};
use super::listening::{Exposure, announce, serving};
use super::ready::ready_until_stopped;
use super::running::Running;
use super::shared_deps::{SharedDeps, bind, open, tell};
use super::waiting::{Patience, for_places, meanwhile};
use crate::failure::Failure;
use crate::places::Place;
use crate::roles::signatures;

/// `rafiki point-of-sale`
pub(crate) async fn run() -> Result<(), Failure> {
    let environment = config::Environment::load()?;
    let config = config::PointOfSale::from_environment(&environment)?;
    telemetry::start(&config.log_level, telemetry::LogFormat::Text).map_err(|e| Failure::start("logging", e))?;
    let mode = if config.plain_http { Mode::Development } else { config.mode };
    let deps = SharedDeps::new(mode, &config.outbound_allowed_hosts)?;
    let listener = bind("the point of sale", Exposure::Public.address(&config.listeners), config.port).await?;
    announce(&[("point of sale", Exposure::Public, &listener)]);
    tell(&config.notices, &environment);
    meanwhile(&[&listener], for_places(&Place::of_point_of_sale(&config), Patience::Endless)).await?;
    let (running, _) = start(&config, listener, &deps).await?;
    tracing::info!(port = config.port, "point of sale ready");
    ready_until_stopped(&environment).await;
    running.stop().await;
    Ok(())
}

/// Starts the point of sale. Returns its database for registering terminals.
pub(crate) async fn start(
    config: &config::PointOfSale,
    listener: TcpListener,
    deps: &SharedDeps,
) -> Result<(Running, database::Database), Failure> {
    let database = open(&Place::of_point_of_sale(config)).await?;
    PointOfSale::migrate(&database).await.map_err(|e| Failure::start("the point of sale's database", e))?;

    let credentials = Credentials {
        tenant_id: config.tenant_id,
        secret: config.tenant_secret.expose().to_owned(),
        signature_version: config.tenant_signature_version,
    };
    let clock = Arc::clone(&deps.clock);
    let identities = identities(&config.service_auth, deps)?;
    let admin = AdminClient::new(config.graphql_url.clone(), credentials, deps.http.clone(), Arc::clone(&clock));
    let ports = PointOfSalePorts {
        database: database.clone(),
        admin: identities.admin(admin, Wanted::POS_PAYMENTS),
        http: deps.http.clone(),
        signer: signer(config)?.map(Arc::new),
        limiter: memory_limiter(Arc::clone(&clock)),
        clock,
        entropy: Arc::clone(&deps.entropy),
    };

    let service = PointOfSale::new(settings(config, &identities), ports);
    let gate = ShutdownGate::default();
    let mut running = Running::new("point-of-sale", serving(&config.listeners));
    running.serve_services(
        listener,
        point_of_sale::http::router(service.clone(), gate.clone()),
        identities.tls.as_ref(),
    );
    identities.watch_files(&mut running);

    let refunds = service.clone();
    running.work(|stop| async move { refunds.work_refunds(stop).await });
    running.work(|stop| async move {
        service.work_taps(stop).await;
        gate.close();
    });
    let closing = database.clone();
    running.on_close(async move { closing.close().await });
    Ok((running, database))
}

fn signer(config: &config::PointOfSale) -> Result<Option<Signer>, Failure> {
    let (Some(pem), Some(key_id)) = (&config.private_key_pem, &config.key_id) else { return Ok(None) };
    let failed =
        |name: &str, error: &dyn std::error::Error| Failure::start("the point of sale", format!("{name}: {error}"));
    let key = SigningKey::from_text(pem.expose()).map_err(|error| failed("PRIVATE_KEY_FILE", &error))?;
    Signer::new(key, key_id).map(Some).map_err(|error| failed("KEY_ID", &error))
}

fn settings(config: &config::PointOfSale, identities: &Identities) -> PointOfSaleSettings {
    let freshness = signatures::freshness(&config.signatures);
    let origin = signatures::target_origin(&config.signatures, config.mode, config.trust_proxy);
    PointOfSaleSettings {
        timeout: config.timeout,
        margin: config.incoming_payment_margin,
        events: verification(&config.events, identities, Service::PosHooks),
        terminals: match config.unsigned_terminals {
            config::UnsignedWebhooks::Refused => Terminals::Signed { freshness, origin },
            config::UnsignedWebhooks::Believed => Terminals::Anybody { freshness, origin },
        },
        per_source: Rate::per_minute("taps", config.requests_per_minute),
    }
}
