//! The operators' console as a role.
//! Its pages are in `edges/console`.

use std::sync::Arc;

use admin_client::Credentials;
use config::{GivenRole, Mode};
use console::{
    Accent, Console, ConsolePorts, ConsoleProofs, ConsoleSettings, Cookies, FourEyes, Lifetimes, Limit, OneClick,
    ProviderRole, ProviderSettings,
};
use http_kit::ShutdownGate;
use openid_connect::ClientSettings;
use service_auth::{Service, Wanted};
use shared_cache::Rate;
use tokio::net::TcpListener;
use url::Url;

use super::cache::memory_limiter;
use super::identities::identities;
use super::listening::{Exposure, announce, serving};
use super::ready::ready_until_stopped;
use super::running::Running;
use super::shared_deps::{SharedDeps, bind, tell};
use crate::failure::Failure;

/// Settings of the playground's consoles only.
#[derive(Default)]
pub(crate) struct Playground {
    pub(crate) accent: Accent,
    pub(crate) one_click: Vec<OneClick>,
    pub(crate) neighbours: Vec<(String, Url)>,
}

/// `rafiki console`
pub(crate) async fn run() -> Result<(), Failure> {
    let environment = config::Environment::load()?;
    let config = config::Console::from_environment(&environment)?;
    telemetry::start(&config.log_level, telemetry::LogFormat::Text).map_err(|e| Failure::start("logging", e))?;
    let deps = SharedDeps::new(config.mode, &[])?;
    let listener = bind("the console", Exposure::Private.address(&config.listeners), config.port).await?;
    announce(&[("console", Exposure::Private, &listener)]);
    tell(&config.notices, &environment);
    let running = start(&config, listener, &deps, Playground::default())?;
    tracing::info!(port = config.port, "console ready");
    ready_until_stopped(&environment).await;
    running.stop().await;
    Ok(())
}

/// The rule of the second person, if there is a limit.
fn four_eyes(config: &config::Console) -> Option<FourEyes> {
    let limit = |four_eyes: &config::AssetLimit| Limit {
        asset_code: four_eyes.asset_code.clone(),
        digits: four_eyes.digits,
        places: four_eyes.places,
    };
    let limits: Vec<Limit> = config.four_eyes.iter().map(limit).collect();
    (!limits.is_empty()).then_some(FourEyes { limits, lifetime: config.approval, window: config.four_eyes_window })
}

/// The sign-in provider, if there is one.
fn provider(config: &config::Console) -> Result<Option<ProviderSettings>, Failure> {
    let Some(provider) = &config.provider else { return Ok(None) };
    let back = format!("{}/sign-in/callback", provider.url.as_str().trim_end_matches('/'));
    let role = |(value, role): &(String, GivenRole)| {
        let role = match *role {
            GivenRole::Operator => ProviderRole::Operator,
            GivenRole::OperatorReads => ProviderRole::OperatorReads,
            GivenRole::Tenant(id) => ProviderRole::Tenant(id),
            GivenRole::TenantReads(id) => ProviderRole::TenantReads(id),
        };
        (value.clone(), role)
    };
    Ok(Some(ProviderSettings {
        client: ClientSettings {
            issuer: provider.issuer.clone(),
            client_id: provider.client_id.clone(),
            client_secret: provider.client_secret.as_ref().map(|secret| secret.expose().to_owned()),
            redirect_url: Url::parse(&back).map_err(|error| Failure::start("the console", error))?,
            scopes: provider.scopes.clone(),
        },
        claim: provider.claim.clone(),
        roles: provider.roles.iter().map(role).collect(),
        operator: Credentials {
            tenant_id: provider.operator_tenant_id,
            secret: provider.operator_secret.expose().to_owned(),
            signature_version: config.signature_version,
        },
    }))
}

/// Starts the console.
pub(crate) fn start(
    config: &config::Console,
    listener: TcpListener,
    deps: &SharedDeps,
    playground: Playground,
) -> Result<Running, Failure> {
    let cookie_secret = match &config.cookie_secret {
        Some(secret) => secret.expose().to_owned(),
        None => format!("{}{}", deps.entropy.uuid(), deps.entropy.uuid()),
    };

    let settings = ConsoleSettings {
        institution: config.instance_name.clone(),
        base_path: config.url.as_ref().map_or("", |url| url.path().trim_end_matches('/')).to_owned(),
        graphql_url: config.graphql_url.clone(),
        auth_graphql_url: config.auth_graphql_url.clone(),
        signature_version: config.signature_version,
        open_payments_url: config.open_payments_url.clone(),
        cookie_secret,
        previous_cookie_secret: config.previous_cookie_secret.as_ref().map(|secret| secret.expose().to_owned()),
        cookies: if config.mode == Mode::Development { Cookies::Plain } else { Cookies::Secure },
        lifetimes: Lifetimes { idle: config.idle, absolute: config.session },
        audit_file: config.audit_file.clone(),
        four_eyes: four_eyes(config),
        approvals_file: config.approvals_file.clone(),
        provider: provider(config)?,
        accent: playground.accent,
        sign_ins: Rate::per_minute("console-sign-ins", config.sign_ins_per_minute),
        one_click: playground.one_click,
        neighbours: playground.neighbours,
    };

    let identities = identities(&config.service_auth, deps)?;
    // Where secrets are accepted, people sign in with them, and the instance checks them.
    let service = (!identities.accepted.secrets(Service::BackendAdmin)).then(|| ConsoleProofs {
        backend: identities.proofs.of(Wanted::CONSOLE, None),
        auth: identities.proofs.of(Wanted::CONSOLE_GRANTS, None),
    });
    let ports = ConsolePorts {
        service,
        http: deps.http.clone(),
        clock: Arc::clone(&deps.clock),
        entropy: Arc::clone(&deps.entropy),
        limiter: memory_limiter(Arc::clone(&deps.clock)),
    };
    let console = Console::new(settings, ports).map_err(|error| Failure::start("the console", error))?;

    let gate = ShutdownGate::default();
    let mut running = Running::new("console", serving(&config.listeners));
    running.serve(listener, console::http::router(console, gate.clone()));
    identities.watch_files(&mut running);
    running.work(|stop| async move {
        stop.await;
        gate.close();
    });
    Ok(running)
}
