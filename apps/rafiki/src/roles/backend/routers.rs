//! The routers of the backend's listeners: Open Payments, the Admin API with the operator's routes, and packets.
//! What the routes do is in the edges.

use std::sync::Arc;

use admin_graphql::{AdminApiParts, AdminApiSettings, Explorer};
use auto_peering_api::RequestLimit;
use axum::Router;
use config::Mode;
use http_kit::{CallerSecret, ServiceCallers, ServiceDoor, ShutdownGate, welcome_page};
use open_payments_api::{BearerTokens, OpenPaymentsApi, OpenPaymentsApiParts, WrongGuesses};
use open_payments_client::{KeySets, KeySetsConfig};
use operator_api::{GrantEventReceiver, LedgerHealth, LedgerView, LedgerViewSettings, health_routes};
use payments::WalletAddressLookup;
use payments_model::{Secret, TenantId};
use service_auth::Wanted;
use shared_cache::Rate;
use token_introspection::IntrospectionClient;
use webhooks::GrantEventRecorder;

use super::services::Services;
use super::stores::Stores;
use crate::roles::cache::{limiter, lossy};
use crate::roles::service_secret::service_secret;
use crate::roles::shared_deps::SharedDeps;
use crate::roles::signatures;

/// Links on the page of the Open Payments listener.
const OPEN_PAYMENTS_HINTS: &[&str] = &[
    "A wallet address answers GET with its document, for example /accounts/alice",
    "GET /healthz says whether it works",
    "What clients do here is described at openpayments.dev",
];

/// One router per listener.
pub(super) struct Routers {
    pub(super) open_payments: Router,
    pub(super) admin: Router,
    pub(super) connector: Router,
    pub(super) auto_peering: Router,
}

impl Routers {
    /// The routers over these services. `gate` ends waiting requests when the role stops.
    pub(super) fn over(
        stores: &Stores,
        services: &Services,
        config: &config::Backend,
        deps: &SharedDeps,
        health: LedgerHealth,
        gate: ShutdownGate,
    ) -> Self {
        let metrics = services.metrics.clone();
        Self {
            open_payments: open_payments(stores, services, config, deps, gate.clone()),
            admin: admin(stores, services, config, deps).merge(health_routes(metrics, health)),
            connector: ilp_api::router(services.connector.clone()),
            auto_peering: auto_peering(stores, services, config, deps, gate),
        }
    }
}

fn open_payments(
    stores: &Stores,
    services: &Services,
    config: &config::Backend,
    deps: &SharedDeps,
    gate: ShutdownGate,
) -> Router {
    let Stores { store, cache, operator, .. } = stores;
    let addresses = WalletAddressLookup {
        store: store.clone(),
        directory: services.directory.clone(),
        webhooks: services.webhooks.clone(),
        cache: lossy(cache, deps.clock.clone()),
        clock: deps.clock.clone(),
        entropy: deps.entropy.clone(),
        operator_tenant: *operator,
        patience: config.wallet_addresses.lookup_timeout,
        look_again: config.wallet_addresses.polling_interval,
    };
    let introspection = IntrospectionClient::new(deps.http.clone(), config.auth_server_introspection_url.clone())
        .credential(Arc::new(services.identities.proofs.of(
            Wanted::INTROSPECTION,
            Some(&service_secret(config.auth_service_secret.as_ref(), &config.admin_api.secret)),
        )));
    let client_keys = KeySets::new(services.published.clone(), KeySetsConfig::default(), deps.clock.clone());
    let guesses = WrongGuesses {
        limiter: limiter(cache, deps.clock.clone()),
        rate: Rate::per_minute("failed-tokens", config.failed_tokens_per_minute),
    };

    let api = OpenPaymentsApi::new(OpenPaymentsApiParts {
        payments: services.payments.clone(),
        addresses,
        introspection,
        bearer: bearer_tokens(services, config),
        client_keys: Arc::new(client_keys),
        cache: cache.clone(),
        clock: deps.clock.clone(),
        entropy: deps.entropy.clone(),
        settings: open_payments_settings(config, services),
    });
    let what = "The Open Payments API of this institution.";
    welcome_page(&config.instance_name, what, OPEN_PAYMENTS_HINTS).merge(open_payments_api::router(api, guesses, gate))
}

/// What judges tokens of OAuth 2.0, if a tenant accepts them. The settings are refused if there is no provider.
fn bearer_tokens(services: &Services, config: &config::Backend) -> Option<BearerTokens> {
    let judge = services.identities.accepted.judge.clone()?;
    Some(BearerTokens {
        judge,
        audience: config.bearer_tokens.audience.clone(),
        tenants: config.bearer_tokens.tenants.iter().copied().map(TenantId::from_uuid).collect(),
        tenant_claim: config.service_auth.tenant_claim.clone(),
        authorization_claim: config.bearer_tokens.authorization_claim.clone(),
    })
}

fn auto_peering(
    stores: &Stores,
    services: &Services,
    config: &config::Backend,
    deps: &SharedDeps,
    gate: ShutdownGate,
) -> Router {
    let limit = RequestLimit {
        limiter: limiter(&stores.cache, deps.clock.clone()),
        rate: Rate::per_minute("auto-peering", config.auto_peering.requests_per_minute),
    };
    auto_peering_api::router(services.peering.clone(), limit, gate)
}

fn admin(stores: &Stores, services: &Services, config: &config::Backend, deps: &SharedDeps) -> Router {
    let Stores { store, ledger, cache, operator, .. } = stores;
    let graphql = admin_graphql::router(AdminApiParts {
        administration: services.administration.clone(),
        directory: services.directory.clone(),
        payments: services.payments.clone(),
        webhooks: services.webhook_administration.clone(),
        peering: services.peering.clone(),
        identities: services.identities.accepted.clone(),
        cache: cache.clone(),
        clock: deps.clock.clone(),
        entropy: deps.entropy.clone(),
        settings: admin_settings(config, *operator),
    });

    let connector = services.connector.clone();
    let view = LedgerView {
        store: store.clone(),
        ledger: ledger.clone(),
        last_failure: Arc::new(move |peer| connector.peer_report(peer)?.last_failure),
        cache: cache.clone(),
        clock: deps.clock.clone(),
        identities: services.identities.accepted.clone(),
        settings: LedgerViewSettings {
            operator: *operator,
            secret: Secret::new(config.admin_api.secret.expose()),
            signature_version: config.admin_api.signature_version,
            signature_lifetime: config.admin_api.signature_lifetime,
        },
    };
    let secret = service_secret(config.auth_service_secret.as_ref(), &config.admin_api.secret);
    let previous = config.previous_auth_service_secret.as_ref().map(Secret::expose);
    let grant_events = GrantEventReceiver {
        recorder: GrantEventRecorder { store: store.clone(), webhooks: services.webhooks.clone() },
        callers: ServiceCallers::Proven(Box::new(ServiceDoor {
            secret: CallerSecret::new(
                [Some(secret.as_str()), previous].into_iter().flatten(),
                "grant-events",
                limiter(cache, deps.clock.clone()),
            ),
            identities: services.identities.accepted.clone(),
        })),
    };
    graphql.merge(view.router()).merge(grant_events.router())
}

fn admin_settings(config: &config::Backend, operator: TenantId) -> AdminApiSettings {
    AdminApiSettings {
        signature_version: config.admin_api.signature_version,
        signature_ttl: config.admin_api.signature_lifetime,
        idempotency_ttl: config.admin_api.idempotency_lifetime,
        idempotency_lock: config.admin_api.idempotency_lock,
        introspection: config.mode != Mode::Production,
        explorer: if config.mode == Mode::Development { Explorer::Offered } else { Explorer::Absent },
        ..AdminApiSettings::new(operator)
    }
}

fn open_payments_settings(config: &config::Backend, services: &Services) -> open_payments_api::OpenPaymentsSettings {
    let own_keys = [Some(services.signer.jwk().clone()), services.previous_key.clone()];
    open_payments_api::OpenPaymentsSettings {
        open_payments_url: config.open_payments_url.to_string(),
        auth_server_grant_url: config.auth_server_grant_url.clone(),
        card_service_url: config.card_service_url.as_ref().map(ToString::to_string),
        own_wallet_address: config.wallet_addresses.own_url.to_string(),
        own_keys: own_keys.into_iter().flatten().collect(),
        target: signatures::target_origin(&config.signatures, config.mode, config.trust_proxy),
        freshness: signatures::freshness(&config.signatures),
        spsp: config.spsp,
        wait_for_document: config.wallet_addresses.wait_for_document,
        redirect_html_page: config.wallet_addresses.redirect_html_page.clone(),
    }
}
