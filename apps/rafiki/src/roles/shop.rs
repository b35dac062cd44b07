//! The sample shop as a role.
//! Its pages are in `edges/shop`.

use std::sync::Arc;

use config::Mode;
use http_signatures::{Signer, SigningKey};
use open_payments_client::{OpenPaymentsClient, PublicResources, RetryPolicy};
use shop::{Accent, Cookies, Ports, Shop, ShopSettings};
use tokio::net::TcpListener;

use super::cache::memory_limiter;
use super::listening::{Exposure, announce, serving};
use super::ready::ready_until_stopped;
use super::running::Running;
use super::shared_deps::{SharedDeps, bind, open, tell};
use super::waiting::{Patience, for_places, meanwhile};
use crate::failure::Failure;
use crate::places::Place;

/// `rafiki shop`
pub(crate) async fn run() -> Result<(), Failure> {
    let environment = config::Environment::load()?;
    let config = config::Shop::from_environment(&environment)?;
    telemetry::start(&config.log_level, telemetry::LogFormat::Text).map_err(|e| Failure::start("logging", e))?;
    let deps = SharedDeps::new(config.mode, &config.outbound_allowed_hosts)?;
    let listener = bind("the shop", Exposure::Public.address(&config.listeners), config.port).await?;
    announce(&[("shop", Exposure::Public, &listener)]);
    tell(&config.notices, &environment);
    meanwhile(&[&listener], for_places(&Place::of_shop(&config), Patience::Endless)).await?;
    let running = start(&config, listener, &deps, Accent::default()).await?;
    tracing::info!(port = config.port, "shop ready");
    ready_until_stopped(&environment).await;
    running.stop().await;
    Ok(())
}

/// Starts the shop.
pub(crate) async fn start(
    config: &config::Shop,
    listener: TcpListener,
    deps: &SharedDeps,
    accent: Accent,
) -> Result<Running, Failure> {
    let database = open(&Place::of_shop(config)).await?;
    Shop::migrate(&database).await.map_err(|error| Failure::start("the shop's database", error))?;
    let failed = |name: &str, error: &dyn std::error::Error| Failure::start("the shop", format!("{name}: {error}"));
    let key = SigningKey::from_text(config.private_key_pem.expose()).map_err(|e| failed("PRIVATE_KEY_FILE", &e))?;
    let signer = Signer::new(key, &config.key_id).map_err(|error| failed("KEY_ID", &error))?;
    let clock = Arc::clone(&deps.clock);
    let public = PublicResources::new(deps.http.clone(), RetryPolicy::default(), Arc::clone(&clock));
    let ports = Ports {
        database: database.clone(),
        client: OpenPaymentsClient::new(public, config.wallet_address.as_str(), Arc::new(signer)),
        clock,
        entropy: Arc::clone(&deps.entropy),
        limiter: memory_limiter(Arc::clone(&deps.clock)),
    };
    let shop = Shop::new(settings(config, accent), ports);

    let mut running = Running::new("shop", serving(&config.listeners));
    running.serve(listener, shop::pages::router(shop.clone()));
    running.work(|stop| async move { shop.work(stop).await });
    running.on_close(async move { database.close().await });
    Ok(running)
}

fn settings(config: &config::Shop, accent: Accent) -> ShopSettings {
    ShopSettings {
        name: config.name.clone(),
        wallet_address: config.wallet_address.as_str().to_owned(),
        public_url: config.public_url.clone(),
        secret: config.secret.expose().to_owned(),
        desk_password: config.desk_password.expose().to_owned(),
        cookies: if config.mode == Mode::Development { Cookies::Plain } else { Cookies::Secure },
        accent,
    }
}
