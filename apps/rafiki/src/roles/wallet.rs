//! The account-servicing entity as a role.
//! Its accounts and routes are in `edges/wallet`.

use std::sync::Arc;

use admin_client::{AdminClient, Credentials};
use config::{FeePolicy, Mode};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::DecodePrivateKey;
use ledger::Ledger;
use ledger_sql::SqlLedger;
use mail::MailServer;
use sealed_text::Sealer;
use service_auth::{Service, Wanted};
use tokio::net::TcpListener;
use wallet::seed::Seed;
use wallet::{
    Accent, ChallengeSettings, ConsentSettings, Cookies, EventVerification, Lifetimes, NoLedger, OneClick,
    PageSettings, Ports, Post, Tenancy, Verification, Wallet, WalletSettings,
};

use super::identities::{Identities, identities};
use super::listening::{Exposure, announce, serving};
use super::ready::ready_until_stopped;
use super::running::Running;
use super::shared_deps::{SharedDeps, bind, open, tell};
use super::waiting::{Patience, for_places, meanwhile};
use super::wallet_modules;
use crate::failure::Failure;
use crate::places::Place;

/// Settings of the playground's wallets only.
#[derive(Default)]
pub(crate) struct Playground {
    pub(crate) accent: Accent,
    pub(crate) one_click: Vec<OneClick>,
}

/// `rafiki wallet`
pub(crate) async fn run() -> Result<(), Failure> {
    let environment = config::Environment::load()?;
    let config = config::Wallet::from_environment(&environment)?;
    telemetry::start(&config.log_level, telemetry::LogFormat::Text).map_err(|e| Failure::start("logging", e))?;
    let deps = SharedDeps::new(config.mode, &[])?;
    let listener = bind("the wallet", Exposure::Private.address(&config.listeners), config.port).await?;
    let modules = wallet_modules::listener(&config).await?;
    let mut listeners = vec![("wallet", Exposure::Private, &listener)];
    listeners.extend(modules.as_ref().map(|listener| ("wallet modules", Exposure::Private, listener)));
    announce(&listeners);
    let listeners: Vec<&TcpListener> = listeners.into_iter().map(|(_, _, listener)| listener).collect();
    let seed = seed(&config)?;
    tell(&config.notices, &environment);
    meanwhile(&listeners, for_places(&Place::of_wallet(&config), Patience::Endless)).await?;
    let tenancy = tenancy(&config, &seed, &deps)?;
    let config = acting(config, &seed);
    let listeners = Listening { pages: listener, modules };
    let (mut running, wallet) = start(&config, seed, listeners, &deps, Playground::default()).await?;
    running.work(|stop| async move {
        let seeding = async {
            if let Some(tenancy) = tenancy {
                tenancy.ensure_until_done().await;
            }
            wallet.seed_until_done().await;
        };
        tokio::select! {
            () = seeding => tracing::info!("seeded"),
            () = stop => {}
        }
    });
    tracing::info!(port = config.port, "wallet ready");
    ready_until_stopped(&environment).await;
    running.stop().await;
    Ok(())
}

/// The seed in the file of `SEED_FILE_LOCATION`; an empty seed without one.
pub(crate) fn seed(config: &config::Wallet) -> Result<Seed, Failure> {
    let Some(path) = &config.seed_file else { return Ok(Seed::default()) };
    let place = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| Failure::io(place.clone(), error))?;
    let seed = if config.is_tenant { Seed::of_tenant(&text) } else { Seed::from_yaml(&text) };
    seed.map_err(|error| Failure::start(place, error))
}

/// The tenant that a wallet makes first for which it acts; `None` if it acts for the operator.
pub(crate) fn tenancy(config: &config::Wallet, seed: &Seed, deps: &SharedDeps) -> Result<Option<Tenancy>, Failure> {
    let Some(tenant) = seed.tenant.clone() else { return Ok(None) };
    let identities = identities(&config.service_auth, deps)?;
    let client = |tenant_id, secret: &str| {
        let credentials =
            Credentials { tenant_id, secret: secret.to_owned(), signature_version: config.admin_signature_version };
        let (http, clock) = (deps.http.clone(), Arc::clone(&deps.clock));
        identities.admin(AdminClient::new(config.graphql_url.clone(), credentials, http, clock), Wanted::WALLET)
    };
    let operator = client(config.tenant_id, config.admin_secret.expose());
    let own = client(tenant.id, &tenant.api_secret);
    Ok(Some(Tenancy { operator, own, tenant }))
}

/// The settings of a wallet that acts for the tenant of its seed: what it asks for, it asks for with this tenant's secrets.
pub(crate) fn acting(config: config::Wallet, seed: &Seed) -> config::Wallet {
    let Some(tenant) = &seed.tenant else { return config };
    let mut config = config::Wallet {
        tenant_id: tenant.id,
        admin_secret: config::Secret::new(tenant.api_secret.clone()),
        open_payments_url: tenant.wallet_address_prefix.clone(),
        ..config
    };
    let consent = config.pages.as_mut().and_then(|pages| pages.consent.as_mut());
    if let (Some(consent), Some(secret)) = (consent, &tenant.idp_secret) {
        consent.secret = Some(config::Secret::new(secret.clone()));
    }
    config
}

/// The listeners of a wallet.
pub(crate) struct Listening {
    /// For pages, events, and what else one process has.
    pub(crate) pages: TcpListener,
    /// For the other processes of the wallet, if there are others.
    pub(crate) modules: Option<TcpListener>,
}

/// Starts the wallet. Seeding goes on in the background until it succeeds.
pub(crate) async fn start(
    config: &config::Wallet,
    seed: Seed,
    listeners: Listening,
    deps: &SharedDeps,
    playground: Playground,
) -> Result<(Running, Wallet), Failure> {
    let failed = |what: &str| {
        let what = what.to_owned();
        move |error: &dyn std::error::Error| Failure::start(what, error)
    };
    let database = open(&Place::of_wallet(config)).await?;
    Wallet::migrate(&database).await.map_err(|e| failed("the wallet's database")(&e))?;
    let identities = identities(&config.service_auth, deps)?;
    let links = wallet_modules::links(config, deps, &identities);
    let ledger: Arc<dyn Ledger> = if links.runs().accounts {
        let opened = SqlLedger::open(config.database.sibling("ledger").expose(), Arc::clone(&deps.clock)).await;
        Arc::new(opened.map_err(|e| failed("the wallet's ledger")(&e))?)
    } else {
        Arc::new(NoLedger)
    };
    let credentials = Credentials {
        tenant_id: config.tenant_id,
        secret: config.admin_secret.expose().to_owned(),
        signature_version: config.admin_signature_version,
    };
    let clock = Arc::clone(&deps.clock);
    let admin = AdminClient::new(config.graphql_url.clone(), credentials, deps.http.clone(), Arc::clone(&clock));
    let ports = Ports {
        database: database.clone(),
        ledger,
        admin: identities.admin(admin, Wanted::WALLET),
        clock,
        entropy: Arc::clone(&deps.entropy),
    };
    let pages = config.pages.as_ref();
    let pages = pages.map(|pages| page_settings(config, pages, deps, &identities, playground)).transpose()?;
    let rates = identities.readers_of_rates(&deps.clock);
    let settings = WalletSettings { pages, ..settings(config, &identities)? };
    let wallet = Wallet::with_modules(settings, seed, ports, links);

    let mut running = Running::new("wallet", serving(&config.listeners));
    let router = wallet::http::router(wallet.clone(), rates);
    running.serve_services(listeners.pages, router, identities.tls.as_ref());
    if let Some(listener) = listeners.modules {
        wallet_modules::serve(&mut running, (&wallet, listener), config, deps, &identities);
    }
    identities.watch_files(&mut running);
    let working = wallet.clone();
    running.work(|stop| async move { working.work(stop).await });
    running.on_close(async move { database.close().await });
    Ok((running, wallet))
}

fn settings(config: &config::Wallet, identities: &Identities) -> Result<WalletSettings, Failure> {
    let secrets = [Some(&config.webhook_secret), config.previous_webhook_secret.as_ref()];
    // An empty secret is one that was not given, because only tokens are accepted.
    let secrets = secrets.into_iter().flatten().map(config::Secret::expose).filter(|secret| !secret.is_empty());
    Ok(WalletSettings {
        display_name: config.display_name.clone(),
        open_payments_url: config.open_payments_url.clone(),
        webhooks: EventVerification {
            unsigned: match config.unsigned_webhooks {
                config::UnsignedWebhooks::Refused => wallet::Unsigned::Refused,
                config::UnsignedWebhooks::Believed => wallet::Unsigned::Believed,
            },
            secrets: secrets.map(str::to_owned).collect(),
            identities: identities.accepted.clone(),
            service: Service::WalletHooks,
            version: config.webhook_signature_version,
            tolerance: config.webhook_tolerance,
        },
        fee_policy: match config.fee_policy {
            FeePolicy::FeePlusSent => wallet::FeePolicy::FeePlusSent,
            FeePolicy::FullDebit => wallet::FeePolicy::FullDebit,
            FeePolicy::Compat => wallet::FeePolicy::Compat,
        },
        holds_are_old: config.holds_are_old,
        auto_create_address: config.auto_create_address,
        cards: match config.card_verification {
            config::CardVerification::Chip => wallet::CardVerification::Required,
            config::CardVerification::Off => wallet::CardVerification::Off,
        },
        liquidity_topup: config.liquidity_topup,
        liquidity_topup_day_max: config.liquidity_topup_day_max,
        key_x: config.key_pem.as_ref().map(public_key_x).transpose()?,
        pages: None,
    })
}

fn page_settings(
    config: &config::Wallet,
    pages: &config::WalletPages,
    deps: &SharedDeps,
    identities: &Identities,
    playground: Playground,
) -> Result<PageSettings, Failure> {
    let post = match &pages.mail {
        None => Post::Log,
        Some(mail) => {
            let server = MailServer::new(mail.url.expose(), &mail.from);
            Post::Server(Box::new(server.map_err(|error| Failure::start("letters", error))?))
        }
    };
    let grants = pages.auth_graphql_url.as_ref().map(|url| {
        let credentials = Credentials {
            tenant_id: config.tenant_id,
            secret: config.admin_secret.expose().to_owned(),
            signature_version: config.admin_signature_version,
        };
        let client = AdminClient::of_auth(url.clone(), credentials, deps.http.clone(), Arc::clone(&deps.clock));
        identities.admin(client, Wanted::WALLET_GRANTS)
    });
    Ok(PageSettings {
        public_url: pages.public_url.clone(),
        lifetimes: Lifetimes { idle: pages.idle, absolute: pages.absolute },
        verification: if pages.playground { Verification::None } else { Verification::ByLetter },
        post,
        sealer: Sealer::new(pages.encryption_key.as_ref(), &pages.former_encryption_keys),
        cookies: if config.mode == Mode::Development { Cookies::Plain } else { Cookies::Secure },
        accent: playground.accent,
        playground: pages.playground,
        one_click: playground.one_click,
        operators: pages.operators.clone(),
        consent: pages.consent.as_ref().map(|consent| ConsentSettings {
            auth_server: consent.auth_server.clone(),
            interactions: consent.interactions.clone(),
            // Where secrets are not accepted, none is shown.
            secret: consent
                .secret
                .as_ref()
                .filter(|_| identities.accepted.secrets(Service::AuthIdp))
                .map(|secret| secret.expose().to_owned()),
            proof: identities.proofs.of(Wanted::WALLET_CONSENT, None),
        }),
        challenges: pages.challenges.as_ref().map(|challenges| ChallengeSettings {
            provider: challenges.provider.clone(),
            admin: challenges.admin.clone(),
            token: challenges.token.as_ref().map(|token| token.expose().to_owned()),
            tenant: config.tenant_id,
            audience: challenges.audience.clone(),
        }),
        grants,
        http: deps.http.clone(),
    })
}

/// The public half of an Ed25519 key, base64url without padding.
fn public_key_x(pem: &config::Secret) -> Result<String, Failure> {
    use base64::Engine;
    let key = SigningKey::from_pkcs8_pem(pem.expose()).map_err(|error| {
        Failure::start("the wallet", format!("KEY_FILE is not an Ed25519 key in PKCS #8 PEM: {error}"))
    })?;
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes()))
}
