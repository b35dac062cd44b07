//! The backend's services: connector, payments, webhooks and their settings.
//! The databases beneath them are opened in `stores`.

use std::sync::Arc;
use std::time::Duration;

use auth_service::AuthService;
use clock::Entropy;
use config::PacketStage;
use connector::{Connector, ConnectorConfig, ConnectorPorts, HttpUplink, OptionalStage, PacketRate, Stages};
use directory::Directory;
use http_signatures::{Jwk, Signer, SigningKey};
use ledger::Ledger;
use open_payments_client::{OpenPaymentsClient, PublicResources, RetryPolicy};
use payments::administration::{Administration, AdministrationSettings};
use payments::{
    AtOnce, DecisionTimes, GrantWatch, IncomingApproval, LiveReceivers, PartialPayments, Payments, PaymentsParts,
    PaymentsSettings, ReceiverSettings,
};
use payments_model::webhook_ladder::AttemptsMax;
use payments_model::{Secret, TenantId};
use peering::{Offer, Peering, PeeringParts, PeeringSettings};
use rates::{HttpRates, Rates, RatesSettings};
use sealed_text::Sealer;
use service_auth::Wanted;
use stream::{ReceiverSecret, RejectStyle};
use telemetry::{Amounts, Metrics, Probes};
use webhooks::{Targets, WebhookAdministration, Webhooks};

use super::alerts::Alerts;
use super::collectors::{self, Dollars};
use super::directory_sync::DirectorySync;
use super::stores::{Stores, failed};
use super::timed_ledger::timed;
use crate::failure::Failure;
use crate::roles::identities::{Identities, identities};
use crate::roles::service_secret::service_secret;
use crate::roles::shared_deps::SharedDeps;

/// The services of one backend. Their metrics are gathered in one place.
pub(super) struct Services {
    pub(super) metrics: Metrics,
    /// Who this role is for others, and the proofs of callers that it accepts.
    pub(super) identities: Identities,
    pub(super) webhooks: Webhooks,
    /// The amounts for collectors, if there are any.
    pub(super) amounts: Option<(Amounts, Dollars)>,
    pub(super) targets: Arc<Targets>,
    pub(super) webhook_administration: WebhookAdministration,
    pub(super) receivers: LiveReceivers,
    pub(super) connector: Connector,
    /// Data that rarely changes, kept in memory.
    pub(super) directory: Directory,
    /// Keeps the connector's snapshot of peers and tenants up to date.
    pub(super) directory_sync: DirectorySync,
    /// Documents and keys of other servers.
    pub(super) published: PublicResources,
    pub(super) signer: Arc<Signer>,
    /// The public half of the key that replaces the signer's, or was replaced by it.
    pub(super) previous_key: Option<Jwk>,
    pub(super) payments: Payments,
    pub(super) administration: Administration,
    pub(super) peering: Peering,
}

impl Services {
    /// Makes the services over open stores.
    pub(super) async fn over(stores: &Stores, config: &config::Backend, deps: &SharedDeps) -> Result<Self, Failure> {
        let Stores { store, ledger, cache, operator, .. } = stores;
        let (metrics, amounts) = collectors::metrics(config)?;
        let identities = identities(&config.service_auth, deps)?;
        let ledger = &timed(ledger, metrics.gather(Probes::of_this_role), config);
        let targets = targets(config, *operator, &identities);
        let copies = config.webhooks.copies_to_operator.then_some(*operator);
        let directory = Directory::new(store.clone());
        let webhooks = Webhooks::new(&targets, copies, directory.clone(), deps.entropy.clone());
        let targets = Arc::new(targets);
        let webhook_administration = webhook_administration(stores, &directory, &targets, deps);

        let rates = rates(config, deps, &identities);
        let amounts = amounts.map(|amounts| (amounts, Dollars::by(config, rates.clone(), deps)));
        let stream_secret = stream_secret(config, &*deps.entropy);
        let payment_settings = payments_settings(config, *operator, &stream_secret);

        let receiver_settings = ReceiverSettings {
            web_monetization_delay: config.payments.web_monetization_delay,
            approval: payment_settings.approval(),
        };
        let receivers =
            metrics.gather(|| live_receivers(stores, &webhooks, deps, receiver_settings, partial_payments(config)));
        let connector = metrics.gather(|| {
            let ports = connector_ports(stores, ledger, &receivers, &webhooks, rates.clone(), sealer(config), deps);
            Connector::new(connector_config(config, &stream_secret), ports)
        });

        let directory_sync = DirectorySync::new(directory.clone(), connector.clone(), config);
        directory_sync.refresh().await.map_err(failed)?;

        let signer = Arc::new(signer(config, &*deps.entropy)?);
        let (published, client) = outgoing_requests(config, &signer, deps);
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
                clock: deps.clock.clone(),
                entropy: deps.entropy.clone(),
                sealer: sealer(config),
                grant_watch: config.payments.grant_check.map(|every| GrantWatch {
                    grants: Arc::new(auth_service(config, deps, &identities, *operator)),
                    every,
                }),
                settings: payment_settings,
            })
        });

        let administration = administration(stores, config, deps, &identities);
        Ok(Self {
            metrics,
            identities,
            amounts,
            webhooks,
            targets,
            webhook_administration,
            receivers,
            connector,
            directory,
            directory_sync,
            published,
            signer,
            previous_key: previous_key(config)?,
            payments,
            administration,
            peering: peering(stores, config, deps),
        })
    }
}

fn partial_payments(config: &config::Backend) -> PartialPayments {
    let partial_payments = &config.partial_payments;
    let (max_wait, safety_margin) = (partial_payments.max_wait, partial_payments.safety_margin);
    let times = partial_payments.decision_enabled.then_some(DecisionTimes { max_wait, safety_margin });
    PartialPayments::new(times, sealer(config))
}

/// Encrypts the data that is stored encrypted.
pub(super) fn sealer(config: &config::Backend) -> Sealer {
    let partial_payments = &config.partial_payments;
    Sealer::new(partial_payments.encryption_key.as_ref(), &partial_payments.former_encryption_keys)
}

fn webhook_administration(
    stores: &Stores,
    directory: &Directory,
    targets: &Arc<Targets>,
    deps: &SharedDeps,
) -> WebhookAdministration {
    WebhookAdministration {
        store: stores.store.clone(),
        directory: directory.clone(),
        targets: Arc::clone(targets),
        http: deps.http.clone(),
        clock: deps.clock.clone(),
        entropy: deps.entropy.clone(),
    }
}

fn live_receivers(
    stores: &Stores,
    webhooks: &Webhooks,
    deps: &SharedDeps,
    settings: ReceiverSettings,
    partial: PartialPayments,
) -> LiveReceivers {
    let (clock, entropy) = (deps.clock.clone(), deps.entropy.clone());
    let (store, ledger) = (stores.store.clone(), stores.ledger.clone());
    LiveReceivers::new(store, ledger, webhooks.clone(), clock, entropy, settings, partial)
}

fn peering(stores: &Stores, config: &config::Backend, deps: &SharedDeps) -> Peering {
    let auto_peering = &config.auto_peering;
    Peering::new(PeeringParts {
        store: stores.store.clone(),
        ledger: stores.ledger.clone(),
        http: deps.http.clone(),
        clock: deps.clock.clone(),
        entropy: deps.entropy.clone(),
        settings: PeeringSettings {
            operator: stores.operator,
            ilp_address: config.ilp_address.clone(),
            connector_url: config.ilp_connector_url.clone(),
            instance_name: config.instance_name.clone(),
            token_overlap: auto_peering.token_overlap,
            offer: Offer {
                initial_liquidity: auto_peering.initial_liquidity,
                peers_max: auto_peering.peers_max,
                invitation: auto_peering.invitation.as_ref().map(|invitation| Secret::new(invitation.expose())),
            },
        },
    })
}

fn connector_ports(
    stores: &Stores,
    ledger: &Arc<dyn Ledger>,
    receivers: &LiveReceivers,
    webhooks: &Webhooks,
    rates: Rates,
    sealer: Sealer,
    deps: &SharedDeps,
) -> ConnectorPorts {
    ConnectorPorts {
        ledger: Arc::clone(ledger),
        local_accounts: Arc::new(receivers.clone()),
        alerts: Arc::new(Alerts::new(stores.store.clone(), webhooks.clone(), deps)),
        uplink: Arc::new(HttpUplink::new(deps.http.clone(), stores.operator, sealer, deps.clock.clone())),
        rates,
        cache: stores.cache.clone(),
        clock: deps.wall.clone(),
        entropy: deps.entropy.clone(),
    }
}

fn administration(
    stores: &Stores,
    config: &config::Backend,
    deps: &SharedDeps,
    identities: &Identities,
) -> Administration {
    Administration::new(
        stores.store.clone(),
        stores.ledger.clone(),
        deps.clock.clone(),
        deps.entropy.clone(),
        AdministrationSettings {
            open_payments_url: config.open_payments_url.clone(),
            own_wallet_address: config.wallet_addresses.own_url.clone(),
            deactivation_grace: config.wallet_addresses.deactivation_grace,
            operator: stores.operator,
            ilp_address: config.ilp_address.clone(),
            secret_overlap: config.admin_api.secret_overlap,
            sealer: sealer(config),
        },
        Arc::new(auth_service(config, deps, identities, stores.operator)),
    )
}

/// The service API of the authorization server.
fn auth_service(
    config: &config::Backend,
    deps: &SharedDeps,
    identities: &Identities,
    operator: TenantId,
) -> AuthService {
    let secret = service_secret(config.auth_service_secret.as_ref(), &config.admin_api.secret);
    let proof = identities.proofs.of(Wanted::TENANTS, Some(&secret));
    AuthService::new(deps.http.clone(), &config.auth_service_api_url, proof, operator)
}

fn rates(config: &config::Backend, deps: &SharedDeps, identities: &Identities) -> Rates {
    let lifetime = config.payments.exchange_rates_lifetime;
    let proof = identities.proofs.of(Wanted::RATES, None);
    let service = HttpRates::new(deps.http.clone(), config.payments.exchange_rates_url.clone()).with_proof(proof);
    Rates::new(Arc::new(service), deps.clock.clone(), RatesSettings { lifetime, ..RatesSettings::default() })
}

fn connector_config(config: &config::Backend, stream_secret: &ReceiverSecret) -> ConnectorConfig {
    let reject_style = if config.stream_legacy_rejects { RejectStyle::ApplicationError } else { RejectStyle::Specific };
    let defaults = ConnectorConfig::new(config.ilp_address.clone(), stream_secret.clone());
    let packet_rate =
        PacketRate { packets: config.packets.per_second, period: Duration::from_secs(1), burst: config.packets.burst };
    ConnectorConfig { reject_style, packet_rate, stages: stages(&config.packets.stages), ..defaults }
}

/// The stages that packets pass.
fn stages(kept: &[PacketStage]) -> Stages {
    let left_out = PacketStage::ALL.into_iter().map(|(stage, _)| stage).filter(|stage| !kept.contains(stage));
    left_out.fold(Stages::default(), |stages, stage| {
        stages.without(match stage {
            PacketStage::Ildcp => OptionalStage::Ildcp,
            PacketStage::PacketRate => OptionalStage::PacketRate,
            PacketStage::Throughput => OptionalStage::Throughput,
            PacketStage::Breaker => OptionalStage::Breaker,
        })
    })
}

fn payments_settings(config: &config::Backend, operator: TenantId, stream_secret: &ReceiverSecret) -> PaymentsSettings {
    let (payments, workers) = (&config.payments, &config.workers);
    let defaults = PaymentsSettings::new(
        config.open_payments_url.clone(),
        operator,
        config.ilp_address.clone(),
        stream_secret.clone(),
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

fn targets(config: &config::Backend, operator: TenantId, identities: &Identities) -> Targets {
    Targets {
        default_url: config.webhooks.url.clone(),
        timeout: config.webhooks.timeout,
        attempts_max: config.webhooks.attempts_max.map_or(AttemptsMax::Ladder, AttemptsMax::Exactly),
        ladder: config.webhooks.ladder.clone(),
        secret: config.webhooks.secret.as_ref().map(|secret| Secret::new(secret.expose())),
        signature_version: config.webhooks.signature_version,
        operator,
        card_service: config.webhooks.card_service_url.clone(),
        point_of_sale: config.webhooks.point_of_sale_url.clone(),
        proofs: identities.proofs.clone(),
    }
}

/// What reads public documents of other institutions, and what calls their Open Payments APIs.
fn outgoing_requests(
    config: &config::Backend,
    signer: &Arc<Signer>,
    deps: &SharedDeps,
) -> (PublicResources, OpenPaymentsClient) {
    let published = PublicResources::new(deps.http.clone(), RetryPolicy::default(), deps.clock.clone());
    let own_url = config.wallet_addresses.own_url.as_str();
    let client = OpenPaymentsClient::new(published.clone(), own_url, Arc::clone(signer));
    (published, client)
}

/// The secret of the addresses at which this instance receives.
fn stream_secret(config: &config::Backend, entropy: &dyn Entropy) -> ReceiverSecret {
    let secret = ReceiverSecret::new(&config.stream_secret.unwrap_or_else(|| entropy.bytes::<32>()));
    match &config.previous_stream_secret {
        Some(other) => secret.and_understanding(other),
        None => secret,
    }
}

/// The public half of the key that replaces the instance's key, or was replaced by it.
fn previous_key(config: &config::Backend) -> Result<Option<Jwk>, Failure> {
    let (Some(pem), Some(id)) = (&config.previous_private_key_pem, &config.previous_key_id) else { return Ok(None) };
    let failed = |error: &dyn std::fmt::Display| {
        Failure::start("the backend", format!("PRIVATE_KEY_FILE_PREVIOUS and KEY_ID_PREVIOUS: {error}"))
    };
    let key = SigningKey::from_text(pem.expose()).map_err(|error| failed(&error))?;
    Ok(Some(Signer::new(key, id).map_err(|error| failed(&error))?.jwk().clone()))
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
