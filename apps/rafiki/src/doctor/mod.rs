//! `rafiki doctor`: whether what the roles need is there, reachable and as it should be, and what to do if not.
//!
//! It works while the roles run and when they do not. It changes nothing and prints no secret.

mod certificates;
mod clocks;
mod databases;
mod finding;
mod network;
pub(crate) mod options;
mod secrets;

use std::time::Duration;

use config::{Disagreement, Environment, Listeners, Mode, Notice, Roles};
use database::Database;
use service_auth::ServiceRole;
use url::Url;

use crate::failure::Failure;
use crate::ledger_place::LedgerPlace;
use crate::migrate::migrations_of;
use crate::output::say;
use crate::places::Place;
use crate::role_name::RoleFile;
use crate::roles::shared_deps::SharedDeps;
use finding::{Finding, Findings, Verdict};
use network::{Is, Listener, Server};
use options::DoctorOptions;

pub(crate) async fn run(options: &DoctorOptions) -> Result<(), Failure> {
    telemetry::start("error", telemetry::LogFormat::Text).map_err(|error| Failure::start("logging", error))?;
    let usual = RoleFile::usual();
    let chosen = if options.roles.is_empty() { &usual[..] } else { &options.roles };

    let mut findings = Findings::new(Duration::from_secs(options.limit));
    let mut together = Roles::default();
    for role in chosen {
        let read = match &role.file {
            Some(file) => Environment::of_file(file),
            None => Environment::load(),
        };
        match read {
            Ok(environment) => {
                let mut examined = Examined { role, environment: &environment, options, findings: &mut findings };
                examined.run(&mut together).await?;
            }
            Err(error) => {
                findings.add(
                    format!("{}.configuration", role.role.as_str()),
                    Finding::failed(error.to_string(), "name a file"),
                );
            }
        }
    }
    compare(&mut findings, &together);

    say(&if options.json { format!("{}\n", findings.document()) } else { findings.text() });
    let (failed, warnings) = (findings.count(Verdict::Failed), findings.count(Verdict::Warning));
    match (failed, warnings) {
        (0, 0) => Ok(()),
        (0, _) if !options.strict => Ok(()),
        _ => Err(Failure::Check(format!("{failed} checks failed, and {warnings} are warnings"))),
    }
}

/// What is in all sections that the doctor looks at.
struct Section {
    mode: Mode,
    notices: Vec<Notice>,
    places: Vec<Place>,
    listeners: Vec<Listener>,
    servers: Vec<Server>,
    allowed_hosts: Vec<String>,
}

/// One role under examination.
struct Examined<'a> {
    role: &'a RoleFile,
    environment: &'a Environment,
    options: &'a DoctorOptions,
    findings: &'a mut Findings,
}

impl Examined<'_> {
    async fn run(&mut self, together: &mut Roles) -> Result<(), Failure> {
        let (role, environment) = (self.role.role, self.environment);
        let name = role.as_str();
        secrets::check(self.findings, name, environment, self.role.file.as_deref());
        let section = match self.section(together).await {
            Ok(section) => section,
            Err(error) => {
                for problem in error.problems {
                    let text = format!("{}: {}", problem.name, problem.reason);
                    let advice = format!("see `rafiki config explain {}`", problem.name);
                    self.findings.add(format!("{name}.configuration"), Finding::failed(text, advice));
                }
                return Ok(());
            }
        };
        self.findings.add(format!("{name}.configuration"), Finding::ok("every variable can be used"));
        secrets::notices(self.findings, name, section.mode, &section.notices);
        // What is wrong with these settings was found with the section.
        if let Ok(service_auth) = config::ServiceAuth::from_environment(environment) {
            certificates::own(self.findings, name, &service_auth);
        }
        databases::check(self.findings, name, &section.places, migrations_of(role)).await;

        let deps = SharedDeps::new(section.mode, &section.allowed_hosts)?;
        network::listeners(self.findings, name, &deps.http, &section.listeners).await;
        if !self.options.offline {
            network::servers(self.findings, &deps.http, section.servers).await;
        }
        Ok(())
    }

    async fn section(&mut self, together: &mut Roles) -> Result<Section, config::ConfigError> {
        let environment = self.environment;
        let own_name = match &self.role.file {
            Some(file) => format!("{} ({})", self.role.role.as_str(), file.display()),
            None => self.role.role.as_str().to_owned(),
        };
        match self.role.role {
            ServiceRole::Backend => {
                let config = config::Backend::from_environment(environment)?;
                databases::redis(self.findings, "backend", config.redis.as_ref()).await;
                databases::cluster(self.findings, &LedgerPlace::of(&config)).await;
                let places = Place::of_backend(&config);
                let peers = if self.options.offline { Vec::new() } else { self.peers(&places).await };
                let section = of_backend(&config, places, peers);
                if config.private_key_pem.is_none() {
                    let text = "PRIVATE_KEY_FILE is not set, so each start makes another key";
                    let advice = "make one with `openssl genpkey -algorithm ed25519`, and give it to all processes";
                    let production = config.mode == Mode::Production;
                    let finding =
                        if production { Finding::failed(text, advice) } else { Finding::warning(text, advice) };
                    self.findings.add("backend.keys", finding);
                }
                together.backends.push((own_name, config));
                Ok(section)
            }
            ServiceRole::Auth => {
                let config = config::Auth::from_environment(environment)?;
                databases::redis(self.findings, "auth", config.redis.as_ref()).await;
                let section = of_auth(&config);
                together.auths.push((own_name, config));
                Ok(section)
            }
            ServiceRole::Wallet => {
                let config = config::Wallet::from_environment(environment)?;
                let section = of_wallet(&config);
                together.wallets.push((own_name, config));
                Ok(section)
            }
            ServiceRole::CardService => Ok(of_card_service(&config::CardService::from_environment(environment)?)),
            ServiceRole::PointOfSale => Ok(of_point_of_sale(&config::PointOfSale::from_environment(environment)?)),
            ServiceRole::Console => Ok(of_console(&config::Console::from_environment(environment)?)),
            ServiceRole::Rates => Ok(of_rates(&config::Rates::from_environment(environment)?)),
            ServiceRole::Shop => Ok(of_shop(&config::Shop::from_environment(environment)?)),
        }
    }

    /// The peers in the backend's database, if there are tables and they are up to date.
    async fn peers(&mut self, places: &[Place]) -> Vec<Server> {
        let Some(place) = places.first() else { return Vec::new() };
        let reading = async {
            place.look().await.ok().filter(|contents| *contents != database::Contents::Empty)?;
            let options = database::Options { postgres_connections: 2, ..database::Options::default() };
            let database = Database::connect(place.url.expose(), &options).await.ok()?;
            let peers = payments_store::peer_endpoints(&database).await;
            database.close().await;
            peers.ok()
        };
        // A database that does not answer has a finding of its own.
        let peers = tokio::time::timeout(self.findings.limit(), reading).await.ok().flatten().unwrap_or_default();
        let server = |(peer, endpoint): (String, String)| {
            let url = Url::parse(&endpoint).ok()?;
            Some(Server { name: format!("backend.peer {peer}"), url, is: Is::Other })
        };
        peers.into_iter().filter_map(server).collect()
    }
}

fn compare(findings: &mut Findings, together: &Roles) {
    if together.backends.len() + together.auths.len() + together.wallets.len() < 2 {
        return;
    }
    let found = together.disagreements();
    if found.is_empty() {
        findings.add("together", Finding::ok("the roles agree"));
    }
    for disagreement in found {
        let (text, broken) = match &disagreement {
            Disagreement::Broken(text) => (text, true),
            Disagreement::Doubtful(text) => (text, false),
        };
        let (text, advice) = text.split_once("; ").unwrap_or((text, "see whether that is meant"));
        findings.add("together", if broken { Finding::failed(text, advice) } else { Finding::warning(text, advice) });
    }
}

fn server(role: &str, variable: &str, url: &Url, is: Is) -> Server {
    Server { name: format!("{role}.{variable}"), url: url.clone(), is }
}

fn public(listeners: &Listeners, variable: &'static str, port: u16) -> Listener {
    Listener { variable, address: listeners.public_address, port }
}

fn private(listeners: &Listeners, variable: &'static str, port: u16) -> Listener {
    Listener { variable, address: listeners.private_address, port }
}

fn of_backend(config: &config::Backend, places: Vec<Place>, peers: Vec<Server>) -> Section {
    let (common, ports) = (&config.listeners, &config.ports);
    let mut listeners = vec![
        public(common, "OPEN_PAYMENTS_PORT", ports.open_payments),
        public(common, "CONNECTOR_PORT", ports.connector),
        private(common, "ADMIN_PORT", ports.admin),
    ];
    if config.auto_peering.enabled {
        listeners.push(public(common, "AUTO_PEERING_SERVER_PORT", ports.auto_peering));
    }
    let own = |variable: &str, url: &Url| server("backend", variable, url, Is::Own);
    let mut servers = vec![
        own("OPEN_PAYMENTS_URL", &config.open_payments_url),
        own("ILP_CONNECTOR_URL", &config.ilp_connector_url),
        own("AUTH_SERVER_INTROSPECTION_URL", &config.auth_server_introspection_url),
        own("AUTH_SERVICE_API_URL", &config.auth_service_api_url),
        server("backend", "WEBHOOK_URL", &config.webhooks.url, Is::Other),
    ];
    servers.extend(Url::parse(&config.auth_server_grant_url).ok().map(|url| own("AUTH_SERVER_GRANT_URL", &url)));
    let rates = config.payments.exchange_rates_url.as_ref();
    servers.extend(rates.map(|url| server("backend", "EXCHANGE_RATES_URL", url, Is::Rates)));
    let cards = config.webhooks.card_service_url.as_ref();
    servers.extend(cards.map(|url| own("CARD_WEBHOOK_SERVICE_URL", url)));
    servers.extend(peers);
    Section {
        mode: config.mode,
        notices: config.notices.clone(),
        places,
        listeners,
        servers,
        allowed_hosts: config.outbound_allowed_hosts.clone(),
    }
}

fn of_auth(config: &config::Auth) -> Section {
    let (common, ports) = (&config.listeners, &config.ports);
    let mut servers = vec![
        server("auth", "AUTH_SERVER_URL", &config.server_url, Is::Own),
        server("auth", "IDENTITY_SERVER_URL", &config.identity_server_url, Is::Other),
    ];
    servers.extend(config.grant_events_url.as_ref().map(|url| server("auth", "GRANT_EVENTS_URL", url, Is::Own)));
    Section {
        mode: config.mode,
        notices: config.notices.clone(),
        places: Place::of_auth(config),
        listeners: vec![
            public(common, "AUTH_PORT", ports.auth),
            private(common, "ADMIN_PORT", ports.admin),
            private(common, "INTERACTION_PORT", ports.interaction),
            private(common, "INTROSPECTION_PORT", ports.introspection),
            private(common, "SERVICE_API_PORT", ports.service),
        ],
        servers,
        allowed_hosts: config.outbound_allowed_hosts.clone(),
    }
}

fn of_wallet(config: &config::Wallet) -> Section {
    Section {
        mode: config.mode,
        notices: config.notices.clone(),
        places: Place::of_wallet(config),
        listeners: vec![private(&config.listeners, "PORT", config.port)],
        servers: vec![server("wallet", "GRAPHQL_URL", &config.graphql_url, Is::Own)],
        allowed_hosts: Vec::new(),
    }
}

fn of_card_service(config: &config::CardService) -> Section {
    Section {
        mode: config.mode,
        notices: config.notices.clone(),
        places: Place::of_card_service(config),
        listeners: vec![public(&config.listeners, "CARD_SERVICE_PORT", config.port)],
        servers: vec![server("card-service", "GRAPHQL_URL", &config.graphql_url, Is::Own)],
        allowed_hosts: config.outbound_allowed_hosts.clone(),
    }
}

fn of_point_of_sale(config: &config::PointOfSale) -> Section {
    Section {
        mode: config.mode,
        notices: config.notices.clone(),
        places: Place::of_point_of_sale(config),
        listeners: vec![public(&config.listeners, "PORT", config.port)],
        servers: vec![server("point-of-sale", "GRAPHQL_URL", &config.graphql_url, Is::Own)],
        allowed_hosts: config.outbound_allowed_hosts.clone(),
    }
}

fn of_console(config: &config::Console) -> Section {
    let mut servers = vec![server("console", "GRAPHQL_URL", &config.graphql_url, Is::Own)];
    servers.extend(config.auth_graphql_url.as_ref().map(|url| server("console", "AUTH_GRAPHQL_URL", url, Is::Own)));
    Section {
        mode: config.mode,
        notices: config.notices.clone(),
        places: Vec::new(),
        listeners: vec![private(&config.listeners, "PORT", config.port)],
        servers,
        allowed_hosts: Vec::new(),
    }
}

fn of_shop(config: &config::Shop) -> Section {
    Section {
        mode: config.mode,
        notices: config.notices.clone(),
        places: Place::of_shop(config),
        listeners: vec![public(&config.listeners, "PORT", config.port)],
        servers: vec![server("shop", "SHOP_WALLET_ADDRESS", &config.wallet_address, Is::Own)],
        allowed_hosts: config.outbound_allowed_hosts.clone(),
    }
}

fn of_rates(config: &config::Rates) -> Section {
    Section {
        mode: Mode::Development,
        notices: config.notices.clone(),
        places: Vec::new(),
        listeners: vec![private(&config.listeners, "RATES_PORT", config.port)],
        servers: Vec::new(),
        allowed_hosts: Vec::new(),
    }
}
