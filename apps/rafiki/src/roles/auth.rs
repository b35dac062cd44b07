//! The authorization server as a role.
//! Its rules are in `services/auth`, its routes in `edges/auth-api`.

use std::sync::Arc;

use auth::{
    Auth, AuthSettings, GRANT_EVENTS_QUEUE, GrantEvents, HandOver, Issuer, PublishedClients, Retention, TenantData,
};
use auth_api::{AdminSettings, ApiSettings, CookieKeys, Routers, SameSite};
use auth_model::{ConsentPolicy, FinishUriPolicy, Lifetimes, TenantId, Terms};
use auth_store::AuthStore;
use config::{Cleanup, Mode};
use database::Database;
use http_kit::graphql::Introspection;
use http_kit::{CallerSecret, ServiceCallers, ServiceDoor};
use jobs::{Worker, WorkerSettings};
use open_payments_client::{PublicResources, RetryPolicy};
use service_auth::Wanted;
use shared_cache::{Limiter, Rate, SharedCache};
use tokio::net::TcpListener;
use url::Url;

use super::cache::{self, for_cache, limiter, open_cache};
use super::identities::{Identities, identities, issuer};
use super::listening::{Exposure, announce, serving};
use super::ready::ready_until_stopped;
use super::running::Running;
use super::service_secret::service_secret;
use super::shared_deps::{SharedDeps, bind, open, tell};
use super::waiting::{Patience, for_places, meanwhile};
use crate::failure::Failure;
use crate::places::Place;
use crate::roles::signatures;

/// Links on the page of the authorization server's listener.
const AUTH_HINTS: &[&str] = &[
    "GET /discovery tells clients where to ask for grants",
    "GET /healthz says whether it works",
    "How grants are asked for is described at openpayments.dev",
];

/// The listeners of the role.
pub(crate) struct AuthListeners {
    pub(crate) auth: TcpListener,
    pub(crate) admin: TcpListener,
    pub(crate) interaction: TcpListener,
    pub(crate) introspection: TcpListener,
    pub(crate) service: TcpListener,
}

/// `rafiki auth`
pub(crate) async fn run() -> Result<(), Failure> {
    let environment = config::Environment::load()?;
    let config = config::Auth::from_environment(&environment)?;
    telemetry::start(&config.log_level, telemetry::LogFormat::Text).map_err(|e| Failure::start("logging", e))?;

    let deps = SharedDeps::new(config.mode, &config.outbound_allowed_hosts)?;
    let ports = config.ports;
    let public = Exposure::Public.address(&config.listeners);
    let private = Exposure::Private.address(&config.listeners);
    let listeners = AuthListeners {
        auth: bind("the authorization server", public, ports.auth).await?,
        admin: bind("the Admin API", private, ports.admin).await?,
        interaction: bind("the interaction API", private, ports.interaction).await?,
        introspection: bind("introspection", private, ports.introspection).await?,
        service: bind("the service API", private, ports.service).await?,
    };

    announce(&[
        ("authorization server", Exposure::Public, &listeners.auth),
        ("Admin API", Exposure::Private, &listeners.admin),
        ("interaction", Exposure::Private, &listeners.interaction),
        ("introspection", Exposure::Private, &listeners.introspection),
        ("service API", Exposure::Private, &listeners.service),
    ]);
    tell(&config.notices, &environment);

    let AuthListeners { auth, admin, interaction, introspection, service } = &listeners;
    let stores_are_up = async {
        for_places(&Place::of_auth(&config), Patience::Endless).await?;
        for_cache(config.redis.as_ref(), Patience::Endless).await
    };
    meanwhile(&[auth, admin, interaction, introspection, service], stores_are_up).await?;

    let running = start(&config, listeners, &deps).await?;
    tracing::info!(?ports, "authorization server ready");
    ready_until_stopped(&environment).await;
    running.stop().await;
    Ok(())
}

/// Starts the authorization server.
pub(crate) async fn start(
    config: &config::Auth,
    listeners: AuthListeners,
    deps: &SharedDeps,
) -> Result<Running, Failure> {
    let database = open(&Place::of_auth(config)).await?;
    let store = AuthStore::new(database.clone());
    let failed = |error: database::Error| Failure::start("the authorization server's database", error);
    if config.manual_migrations {
        database.require_migrated(&auth_store::MIGRATIONS).await.map_err(failed)?;
        database.require_migrated(&jobs::MIGRATIONS).await.map_err(failed)?;
    } else {
        store.migrate().await.map_err(failed)?;
        cache::migrate(&database).await.map_err(failed)?;
    }
    let clock = Arc::clone(&deps.clock);
    let public = PublicResources::new(deps.http.clone(), RetryPolicy::default(), Arc::clone(&clock));
    let clients = Arc::new(PublishedClients::new(public, Arc::clone(&clock)));
    let cache = open_cache(config.redis.as_ref(), &config.database, &database, Arc::clone(&clock)).await?;
    let entropy = Arc::clone(&deps.entropy);
    let limiter = limiter(&cache, Arc::clone(&clock));
    let identities = identities(&config.service_auth, deps)?;
    let issuer = issuer(config, &store, &limiter, deps)?;
    let hand_over =
        config.grant_events_url.clone().map(|url| hand_over(config, url, &store, &database, deps, &identities));
    let opened = Auth::open(settings(config), store, clock, entropy, clients, cache.clone(), limiter.clone()).await;
    let auth = opened.map_err(|error| Failure::start("the authorization server", error))?;
    let Routers { auth: public, interaction, introspection, service, admin } =
        auth_api::routers(auth.clone(), api_settings(config, cache, limiter, &identities, issuer));

    let mut running = Running::new("auth", serving(&config.listeners));
    let welcome =
        http_kit::welcome_page(config.server_url.as_str(), "The authorization server of this institution.", AUTH_HINTS);
    running.serve(listeners.auth, welcome.merge(public));
    let tls = identities.tls.as_ref();
    running.serve_services(listeners.interaction, interaction, tls);
    running.serve_services(listeners.introspection, introspection, tls);
    running.serve_services(listeners.service, service, tls);
    running.serve_services(listeners.admin, admin, tls);
    identities.watch_files(&mut running);
    if config.cleanup == Cleanup::Here {
        running.work(|stop| async move {
            tokio::select! {
                () = stop => {}
                () = auth.run_upkeep() => {}
            }
        });
    }
    if let Some(worker) = hand_over {
        running.work(|stop| worker.run(stop));
    }
    running.on_close(async move { database.close().await });
    Ok(running)
}

/// The worker that hands events about grants over to the backend.
fn hand_over(
    config: &config::Auth,
    url: Url,
    store: &AuthStore,
    database: &Database,
    deps: &SharedDeps,
    identities: &Identities,
) -> Worker {
    let secret = service_secret(config.service_secret.as_ref(), &config.admin_api.secret);
    let proof = identities.proofs.of(Wanted::GRANT_EVENTS, Some(&secret));
    let handler = Arc::new(HandOver { store: store.clone(), http: deps.http.clone(), url, proof });
    let (clock, entropy) = (Arc::clone(&deps.clock), Arc::clone(&deps.entropy));
    Worker::new(database.clone(), clock, entropy, GRANT_EVENTS_QUEUE, handler, WorkerSettings::default())
}

fn settings(config: &config::Auth) -> AuthSettings {
    let never_issued = config.access_token_retention.min(std::time::Duration::from_hours(24));

    AuthSettings {
        secret_overlap: config.admin_api.secret_overlap,
        server_url: config.server_url.clone(),
        operator: TenantData {
            id: TenantId::from(config.operator_tenant_id),
            api_secret: config.admin_api.secret.expose().to_owned(),
            idp_consent_url: Some(config.identity_server_url.clone()),
            idp_secret: Some(config.identity_server_secret.expose().to_owned()),
        },
        consent: ConsentPolicy {
            incoming_payment: config.incoming_payment_interaction,
            quote: config.quote_interaction,
            list_all: config.list_all_interaction,
        },
        terms: Terms {
            token_lifetime: config.access_token_lifetime,
            interaction_lifetime: config.interaction_lifetime,
            continue_wait: config.continue_wait,
            lifetimes: Lifetimes { grant: config.grant_lifetime, unissued: config.pending_grant_lifetime },
        },
        finish_uris: FinishUriPolicy { allow_http: config.mode == Mode::Development, app_schemes: Vec::new() },
        freshness: signatures::freshness(&config.signatures),
        grant_requests_per_client: Rate::per_minute("grant-requests-of", config.limits.grant_requests_per_client),
        continuations_per_client: Rate::per_minute("continuations-of", config.limits.continuations_per_client),
        provider_secrets_from_new_sources: Rate::per_minute(
            "idp-secrets-from-new",
            config.limits.provider_secrets_from_new_addresses,
        ),
        grant_events: match config.grant_events_url {
            Some(_) => GrantEvents::Recorded,
            None => GrantEvents::Unrecorded,
        },
        retention: Retention { tokens: config.access_token_retention, unissued_grants: never_issued },
    }
}

fn api_settings(
    config: &config::Auth,
    cache: SharedCache,
    limiter: Limiter,
    identities: &Identities,
    issuer: Option<Issuer>,
) -> ApiSettings {
    ApiSettings {
        target_origin: signatures::target_origin(&config.signatures, config.mode, config.trust_proxy),
        cookie_keys: CookieKeys {
            present: config.cookie_key.expose().to_owned(),
            former: config.previous_cookie_key.as_ref().map(|key| key.expose().to_owned()),
        },
        cookie_same_site: match config.cookie_same_site {
            Some(config::SameSite::None) => SameSite::None,
            Some(config::SameSite::Lax) | None => SameSite::Lax,
        },
        admin: AdminSettings {
            signature_version: config.admin_api.signature_version,
            signature_lifetime: config.admin_api.signature_lifetime,
            identities: identities.accepted.clone(),
            cache,
            introspection: match config.mode {
                Mode::Production => Introspection::Refused,
                Mode::Development | Mode::Test | Mode::Autopeer => Introspection::Allowed,
            },
        },
        services: service_callers(config, &limiter, identities),
        issuer,
        grant_requests: Rate::per_minute("grant-requests", config.limits.grant_requests_per_address),
        continuations: Rate::per_minute("continuations", config.limits.continuations_per_address),
        introspections: Rate::per_minute("introspections", config.limits.introspections_per_address),
        failures: Rate::per_minute("failures", config.limits.failures_per_address),
        limiter,
    }
}

fn service_callers(config: &config::Auth, limiter: &Limiter, identities: &Identities) -> ServiceCallers {
    if !config.require_service_secret {
        tracing::warn!(
            "AUTH_SERVICE_REQUIRE_SECRET is false: every caller that reaches the introspection and service listeners \
             of this authorization server can create and delete tenants and look up tokens"
        );
        return ServiceCallers::Anybody;
    }
    let secret = service_secret(config.service_secret.as_ref(), &config.admin_api.secret);
    let previous = config.previous_service_secret.as_ref().map(config::Secret::expose);
    let secrets = [Some(secret.as_str()), previous].into_iter().flatten();
    let secret = CallerSecret::new(secrets, "service-secret", limiter.clone());
    ServiceCallers::Proven(Box::new(ServiceDoor { secret, identities: identities.accepted.clone() }))
}
