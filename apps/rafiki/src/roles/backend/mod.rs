//! The backend as a role: Open Payments, connector, Admin API and workers over one database and one ledger.

mod alerts;
mod engine;
mod health;
mod ledger_view;
mod ledger_watch;
mod painter;

use std::sync::Arc;
use std::time::Duration;

use admin_graphql::{AdminApiParts, AdminApiSettings};
use clock::Entropy;
use config::Mode;
use connector::{Connector, ConnectorConfig, ConnectorPorts, HttpUplink, PacketRate};
use directory::Directory;
use http_kit::ShutdownGate;
use http_signatures::{Signer, SigningKey};
use jobs::Worker;
use open_payments_api::{OpenPaymentsApi, OpenPaymentsApiParts, WrongGuesses};
use open_payments_client::{KeySets, KeySetsConfig, OpenPaymentsClient, PublicResources, RetryPolicy};
use payments::administration::{Administration, AdministrationSettings};
use payments::{
    AtOnce, IncomingApproval, LiveReceivers, Payments, PaymentsParts, PaymentsSettings, ReceiverSettings,
    WalletAddressLookup,
};
use payments_model::{Secret, TenantId};
use payments_store::Store;
use rates::{HttpRates, Rates, RatesSettings};
use sha2::{Digest, Sha256};
use shared_cache::Rate;
use stream::{ReceiverSecret, RejectStyle};
use telemetry::Metrics;
use token_introspection::IntrospectionClient;
use tokio::net::TcpListener;
use webhooks::{Deliverer, DeliveryCounts, DeliveryEnds, Signing, Targets, Webhooks};

use super::cache::{self, for_cache, limiter, lossy, open_cache};
use super::ground::{Ground, bind, open, tell};
use super::listening::{Exposure, announce, serving};
use super::running::{Running, stop_signal};
use super::service_secret::service_secret;
use super::waiting::{Patience, for_places, meanwhile};
use crate::failure::Failure;
use crate::output::say;
use crate::places::Place;
use crate::roles::{signatures, welcome};

pub(crate) use engine::open as open_ledger;

/// Where to go on from the Open Payments listener.
const OPEN_PAYMENTS_HINTS: &[&str] = &[
    "A wallet address answers GET with its document, for example /accounts/alice",
    "GET /healthz says whether it is well",
    "What clients do here is described at openpayments.dev",
];

/// Telling the waiting requests that there is nothing to wait for any more.
const GATE_MAX: Duration = Duration::from_secs(1);

/// The listeners of the role.
pub(crate) struct BackendListeners {
    pub(crate) open_payments: TcpListener,
    pub(crate) admin: TcpListener,
    pub(crate) connector: TcpListener,
}

/// `rafiki backend`
pub(crate) async fn run() -> Result<(), Failure> {
    let environment = config::Environment::load()?;
    let config = config::Backend::from_environment(&environment)?;
    telemetry::start(&config.log_level, telemetry::LogFormat::Text).map_err(|e| Failure::start("logging", e))?;
    let ground = Ground::new(config.mode, &config.outbound_allowed_hosts)?;
    let ports = config.ports;
    let public = Exposure::Public.address(&config.listeners);
    let listeners = BackendListeners {
        open_payments: bind("Open Payments", public, ports.open_payments).await?,
        admin: bind("the Admin API", Exposure::Private.address(&config.listeners), ports.admin).await?,
        connector: bind("the connector", public, ports.connector).await?,
    };
    announce(&[
        ("Open Payments", Exposure::Public, &listeners.open_payments),
        ("connector", Exposure::Public, &listeners.connector),
        ("Admin API", Exposure::Private, &listeners.admin),
    ]);
    tell(&config.notices, &environment);
    let BackendListeners { open_payments, admin, connector } = &listeners;
    let stores_are_up = async {
        for_places(&Place::of_backend(&config), Patience::Endless).await?;
        for_cache(config.redis.as_ref(), Patience::Endless).await
    };
    meanwhile(&[open_payments, admin, connector], stores_are_up).await?;
    let running = start(&config, listeners, &ground).await?;
    tracing::info!(instance = config.instance_name, ?ports, "backend ready");
    say("ready\n");
    stop_signal().await;
    running.stop().await;
    Ok(())
}

/// Starts the backend: stores, then services, then listeners, then workers.
pub(crate) async fn start(
    config: &config::Backend,
    listeners: BackendListeners,
    ground: &Ground,
) -> Result<Running, Failure> {
    let database = open(&Place::of_backend(config)).await?;
    let failed = |error: database::Error| Failure::start("the backend's database", error);
    // Migrations run unless the operator runs them.
    let store = if config.manual_migrations {
        Store::open_migrated(database.clone()).await.map_err(failed)?
    } else {
        cache::migrate(&database).await.map_err(failed)?;
        Store::open(database.clone()).await.map_err(failed)?
    };
    // What a move has begun it must end first; after this start no further pass may write here.
    let usable = moving::mark_in_use(&database, ground.clock.now()).await.map_err(failed)?;
    usable.map_err(|reason| Failure::start("the backend", reason))?;
    let operator = TenantId::from_uuid(config.operator_tenant_id);
    ensure_operator(&store, config, operator, ground).await.map_err(failed)?;
    let ledger = open_ledger(config, ground).await?;
    let cache = open_cache(config.redis.as_ref(), &config.database, &database, ground.clock.clone()).await?;
    let rates_settings =
        RatesSettings { lifetime: config.payments.exchange_rates_lifetime, ..RatesSettings::default() };
    let rates = Rates::new(
        Arc::new(HttpRates::new(ground.http.clone(), config.payments.exchange_rates_url.clone())),
        ground.clock.clone(),
        rates_settings,
    );

    let metrics = Metrics::new();
    let stream_secret = config.stream_secret.unwrap_or_else(|| ground.entropy.bytes::<32>());
    let targets = targets(config, operator);
    let copies = config.webhooks.copies_to_operator.then_some(operator);
    let webhooks = Webhooks::new(&targets, copies, ground.entropy.clone());
    let payment_settings = payments_settings(config, operator, &stream_secret);
    let receivers = metrics.gather(|| {
        let settings = ReceiverSettings {
            web_monetization_delay: config.payments.web_monetization_delay,
            approval: payment_settings.approval(),
        };
        let (clock, entropy) = (ground.clock.clone(), ground.entropy.clone());
        LiveReceivers::new(store.clone(), ledger.clone(), webhooks.clone(), clock, entropy, settings)
    });
    let connector = metrics.gather(|| {
        Connector::new(
            connector_config(config, &stream_secret),
            ConnectorPorts {
                ledger: ledger.clone(),
                local_accounts: Arc::new(receivers.clone()),
                alerts: Arc::new(alerts::Alerts::new(store.clone(), webhooks.clone(), ground)),
                uplink: Arc::new(HttpUplink::new(ground.http.clone(), operator)),
                rates: rates.clone(),
                cache: cache.clone(),
                clock: ground.clock.clone(),
                entropy: ground.entropy.clone(),
            },
        )
    });
    let directory = Directory::new(store.clone());
    let of_webhooks = directory.clone();
    let painter = painter::Painter::new(directory.clone(), connector.clone(), config);
    painter.paint().await.map_err(failed)?;

    let signer = Arc::new(signer(config, &*ground.entropy)?);
    let public = PublicResources::new(ground.http.clone(), RetryPolicy::default(), ground.clock.clone());
    let client = OpenPaymentsClient::new(public.clone(), config.wallet_addresses.own_url.as_str(), Arc::clone(&signer));
    let payments = metrics.gather(|| {
        Payments::new(PaymentsParts {
            store: store.clone(),
            directory: directory.clone(),
            ledger: ledger.clone(),
            connector: connector.clone(),
            receivers: receivers.clone(),
            webhooks: webhooks.clone(),
            client,
            rates,
            cache: cache.clone(),
            clock: ground.clock.clone(),
            entropy: ground.entropy.clone(),
            settings: payment_settings,
        })
    });
    let administration = Administration::new(
        store.clone(),
        ledger.clone(),
        ground.clock.clone(),
        ground.entropy.clone(),
        AdministrationSettings {
            open_payments_url: config.open_payments_url.clone(),
            own_wallet_address: config.wallet_addresses.own_url.clone(),
            deactivation_grace: config.wallet_addresses.deactivation_grace,
        },
    );

    let ledger_health = health::LedgerHealth::of(health::Instance {
        name: config.instance_name.clone(),
        ilp_address: config.ilp_address.to_string(),
        connector_url: config.ilp_connector_url.clone(),
    });
    let outbox = ledger_watch::Outbox { store: store.clone(), webhooks: webhooks.clone(), operator };
    let monitor = ledger_watch::Monitor::open(config).await?;
    let watch =
        metrics.gather(|| ledger_watch::LedgerWatch::new(config, monitor, outbox, ledger_health.clone(), ground));

    let gate = ShutdownGate::default();
    let addresses = WalletAddressLookup {
        store: store.clone(),
        directory: directory.clone(),
        webhooks,
        cache: lossy(&cache, ground.clock.clone()),
        clock: ground.clock.clone(),
        entropy: ground.entropy.clone(),
        operator_tenant: operator,
        patience: config.wallet_addresses.lookup_timeout,
        look_again: config.wallet_addresses.polling_interval,
    };
    let client_keys = Arc::new(KeySets::new(public, KeySetsConfig::default(), ground.clock.clone()));
    let introspection = IntrospectionClient::new(ground.http.clone(), config.auth_server_introspection_url.clone())
        .secret(service_secret(config.auth_service_secret.as_ref(), &config.admin_api.secret));
    let guesses = WrongGuesses {
        limiter: limiter(&cache, ground.clock.clone()),
        rate: Rate::per_minute("failed-tokens", config.failed_tokens_per_minute),
    };
    let open_payments_api = OpenPaymentsApi::new(OpenPaymentsApiParts {
        payments: payments.clone(),
        addresses,
        introspection,
        client_keys,
        cache: cache.clone(),
        clock: ground.clock.clone(),
        entropy: ground.entropy.clone(),
        settings: open_payments_settings(config, &signer),
    });
    let admin = admin_graphql::router(AdminApiParts {
        administration,
        directory: directory.clone(),
        payments: payments.clone(),
        cache: cache.clone(),
        clock: ground.clock.clone(),
        entropy: ground.entropy.clone(),
        settings: admin_settings(config, operator),
    });
    let reports = connector.clone();
    let last_failure: ledger_view::LastFailure = Arc::new(move |peer| reports.peer_report(peer)?.last_failure);
    let view = ledger_view::router(store.clone(), ledger.clone(), last_failure, cache, config, ground);

    let mut running = Running::new("backend", serving(&config.listeners));
    let welcome =
        welcome::page(&config.instance_name, "The Open Payments API of this institution.", OPEN_PAYMENTS_HINTS);
    let open_payments = open_payments_api::router(open_payments_api, guesses, gate.clone());
    running.serve(listeners.open_payments, welcome.merge(open_payments));
    running.serve(listeners.admin, admin.merge(view).merge(health::router(metrics.clone(), ledger_health)));
    running.serve(listeners.connector, ilp_api::router(connector.clone()));
    for worker in metrics.gather(|| payments.workers()) {
        running.work(|stop| worker.run(stop));
    }
    if config.workers.webhooks > 0 {
        let deliverer = metrics.gather(|| deliverer(config, &store, of_webhooks, targets, ground));
        running.work(|stop| deliverer.run(stop));
    }
    if let Some(watch) = watch {
        running.work(|stop| watch.run(stop));
    }
    running.work(|stop| async move { painter.follow(stop).await });
    running.work(|_| async move {
        // Credits of a process that died before it could note them.
        receivers.reconcile_until_done().await;
    });
    running.drain(GATE_MAX, async move { gate.close() });
    // Packets under way are finished before the ledger closes: the next peer may have fulfilled them.
    running.drain(connector.longest_stop(), async move { connector.stop().await });
    running.on_close(async move { database.close().await });
    Ok(running)
}

async fn ensure_operator(
    store: &Store,
    config: &config::Backend,
    operator: TenantId,
    ground: &Ground,
) -> Result<(), database::Error> {
    let unit = store.begin().await?;
    let secret = Secret::new(config.admin_api.secret.expose());
    unit.every_tenant().ensure_operator(operator, &secret, ground.clock.now()).await?;
    unit.commit().await
}

fn connector_config(config: &config::Backend, stream_secret: &[u8; 32]) -> ConnectorConfig {
    // Tokens are hashed in memory only, so any secret of this installation serves as the key.
    let token_key: [u8; 32] = Sha256::new()
        .chain_update(b"peer tokens")
        .chain_update(config.admin_api.secret.expose().as_bytes())
        .finalize()
        .into();
    let reject_style = if config.stream_legacy_rejects { RejectStyle::ApplicationError } else { RejectStyle::Specific };
    let defaults = ConnectorConfig::new(config.ilp_address.clone(), ReceiverSecret::new(stream_secret), token_key);
    let packet_rate =
        PacketRate { packets: config.packets.per_second, period: Duration::from_secs(1), burst: config.packets.burst };
    ConnectorConfig { reject_style, packet_rate, ..defaults }
}

fn payments_settings(config: &config::Backend, operator: TenantId, stream_secret: &[u8; 32]) -> PaymentsSettings {
    let (payments, workers) = (&config.payments, &config.workers);
    let defaults = PaymentsSettings::new(
        config.open_payments_url.clone(),
        operator,
        config.ilp_address.clone(),
        ReceiverSecret::new(stream_secret),
        payments.slippage,
    );
    PaymentsSettings {
        exchange_rates_url: payments.exchange_rates_url.clone(),
        quote_lifespan: payments.quote_lifespan,
        incoming_payment_expiry_max: payments.incoming_payment_expiry_max,
        outgoing_attempts_max: payments.outgoing_payment_attempts_max,
        incoming_approval: payments.incoming_approval.map(|incoming_approval| IncomingApproval {
            timeout: incoming_approval.timeout,
            interval: incoming_approval.interval,
        }),
        at_once: AtOnce::of_workers(workers.outgoing_payments, workers.incoming_payments, workers.wallet_addresses),
        ..defaults
    }
}

fn admin_settings(config: &config::Backend, operator: TenantId) -> AdminApiSettings {
    AdminApiSettings {
        signature_version: config.admin_api.signature_version,
        signature_ttl: config.admin_api.signature_lifetime,
        idempotency_ttl: config.admin_api.idempotency_lifetime,
        idempotency_lock: config.admin_api.idempotency_lock,
        introspection: config.mode != Mode::Production,
        ..AdminApiSettings::new(operator)
    }
}

fn open_payments_settings(config: &config::Backend, signer: &Signer) -> open_payments_api::Settings {
    open_payments_api::Settings {
        open_payments_url: config.open_payments_url.to_string(),
        auth_server_grant_url: config.auth_server_grant_url.clone(),
        card_service_url: config.card_service_url.as_ref().map(ToString::to_string),
        own_wallet_address: config.wallet_addresses.own_url.to_string(),
        own_key: signer.jwk().clone(),
        target: signatures::target_origin(&config.signatures, config.mode, config.trust_proxy),
        freshness: signatures::freshness(&config.signatures),
        spsp: config.spsp,
        wait_for_document: config.wallet_addresses.wait_for_document,
        redirect_html_page: config.wallet_addresses.redirect_html_page.clone(),
    }
}

fn targets(config: &config::Backend, operator: TenantId) -> Targets {
    Targets {
        default_url: config.webhooks.url.clone(),
        timeout: config.webhooks.timeout,
        attempts_max: config.webhooks.attempts_max,
        operator,
        card_service: config.webhooks.card_service_url.clone(),
        point_of_sale: config.webhooks.point_of_sale_url.clone(),
    }
}

fn deliverer(
    config: &config::Backend,
    store: &Store,
    directory: Directory,
    targets: Targets,
    ground: &Ground,
) -> Worker {
    let signing = config
        .webhooks
        .secret
        .as_ref()
        .map(|secret| Signing { secret: Secret::new(secret.expose()), version: config.webhooks.signature_version });
    let deliverer = Deliverer {
        store: store.clone(),
        directory,
        targets: Arc::new(targets),
        signing,
        http: ground.http.clone(),
        clock: ground.clock.clone(),
        entropy: ground.entropy.clone(),
        counts: DeliveryCounts::default(),
        ends: DeliveryEnds::new(store),
    };
    // The reference counts loops of one delivery each; here a worker makes many at once.
    let at_once = usize::from(config.workers.webhooks).saturating_mul(32);
    Worker::new(
        store.database().clone(),
        ground.clock.clone(),
        ground.entropy.clone(),
        webhooks::QUEUE,
        Arc::new(deliverer),
        webhooks::worker_settings(at_once),
    )
}

/// The instance's key as a client of other institutions.
pub(crate) fn signer(config: &config::Backend, entropy: &dyn Entropy) -> Result<Signer, Failure> {
    let key = if let Some(pem) = &config.private_key_pem {
        SigningKey::from_text(pem.expose())
            .map_err(|error| Failure::start("the backend", format!("PRIVATE_KEY_FILE: {error}")))?
    } else {
        SigningKey::random(entropy)
    };
    Signer::new(key, &config.key_id).map_err(|error| Failure::start("the backend", format!("KEY_ID: {error}")))
}
