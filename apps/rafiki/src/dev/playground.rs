//! Starting and stopping one institution of the playground: its roles, its seed, its session file.
//! The variables of its roles are in `institution`.

use std::path::{Path, PathBuf};

use ::point_of_sale::PointOfSale;
use config::{Environment, Mode};
use service_auth::Ways;
use url::Url;
use wallet::Wallet;
use wallet::seed::{AddressCreation, Seed};

use super::cards::{self, Cards};
use super::databases;
use super::institution::{Databases, Environments, Institution, KEY_FILE};
use super::moved_time::MovedTime;
use super::ports::{Listeners, Ports};
use super::service_clients;
use super::session::{Session, SessionAddress};
use super::tenant;
use crate::failure::Failure;
use crate::ledger_place::LedgerPlace;
use crate::private_file;
use crate::roles::running::Running;
use crate::roles::shared_deps::SharedDeps;
use crate::roles::{auth, backend, card_service, console as console_role, point_of_sale, shop, wallet as wallet_role};

/// Where databases are.
#[derive(Clone, Copy)]
pub(crate) enum Storage<'a> {
    /// SQLite files in the data folder.
    Files,
    /// A PostgreSQL server.
    Server { url: &'a Url, prefix: &'a str, fresh: bool },
}

/// Whether the institutions are made peers of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SeededPeering {
    /// By the seed.
    Made,
    /// That is left to the user.
    Left,
}

/// Whether an institution has the tenant of the playground.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OfTenant {
    None,
    /// It is a peer of the institution in its seed.
    Seeded,
}

/// The values shared by the institutions of one process.
pub(crate) struct Playground<'a> {
    data_dir: PathBuf,
    storage: Storage<'a>,
    redis: Option<&'a str>,
    peering: SeededPeering,
    service_auth: Ways,
    /// `OAUTH_ISSUER` of the caller's environment: another provider than the playground's own.
    issuer: Option<String>,
    /// Variables of the caller's environment that apply to the playground too.
    handed_on: Vec<(&'static str, String)>,
    /// The listener that moves the clock, in `rafiki dev`.
    clock_url: Option<Url>,
    pub(crate) deps: SharedDeps,
}

/// The settings about the way from clients to the listeners, for example through a proxy with TLS.
const HANDED_ON: [&str; 3] = ["TRUST_PROXY", "SIGNATURE_PUBLIC_URL", "SIGNATURE_ANY_HOST"];
/// The settings of wallets: who may open their operators' pages.
const TO_WALLETS: [&str; 1] = ["WALLET_OPERATORS"];
/// The settings of backends that name collectors of numbers.
const TO_BACKENDS: [&str; 4] = [
    "ENABLE_TELEMETRY",
    "OPEN_TELEMETRY_COLLECTOR_URLS",
    "OPEN_TELEMETRY_EXPORT_INTERVAL",
    "ENABLE_ILP_TIMING_TELEMETRY",
];

/// The facts about the other institution.
pub(crate) struct Peer {
    /// The address of its connector.
    pub(crate) connector: u16,
    /// The name and address of its console, if it is in a playground too.
    pub(crate) console: Option<(String, Url)>,
}

/// A running institution.
pub(crate) struct Started {
    institution: &'static Institution,
    session: Session,
    wallet: Wallet,
    roles: Vec<Running>,
    /// The environment of its wallet and its ports, if a tenant of it has a wallet.
    of_tenant: Option<(Environment, Ports)>,
}

impl<'a> Playground<'a> {
    pub(crate) fn new(
        data_dir: &Path,
        storage: Storage<'a>,
        redis: Option<&'a str>,
        peering: SeededPeering,
    ) -> Result<Self, Failure> {
        let environment = Environment::load()?;
        let given = HANDED_ON
            .iter()
            .chain(&TO_BACKENDS)
            .chain(&TO_WALLETS)
            .filter_map(|name| Some((*name, environment.get(name)?.to_owned())));
        let (handed_on, deps) = (given.collect(), SharedDeps::new(Mode::Development, &[])?);
        let service_auth = Ways::SHARED_SECRET;
        let issuer = environment.get("OAUTH_ISSUER").map(str::to_owned);
        Ok(Self {
            data_dir: data_dir.to_owned(),
            storage,
            redis,
            peering,
            service_auth,
            issuer,
            handed_on,
            clock_url: None,
            deps,
        })
    }

    /// Lets the institutions go by a clock that can be moved.
    pub(crate) fn with_moved_time(self, time: MovedTime) -> Self {
        Self { deps: self.deps.with_clock(time.clock), clock_url: Some(time.url), ..self }
    }

    /// Lets the roles prove in these ways who they are.
    pub(crate) fn with_service_auth(self, service_auth: Ways) -> Self {
        Self { service_auth, ..self }
    }

    /// Starts an institution whose peer is `peer`. Its ledger is in the TigerBeetle `cluster`, if there is one.
    pub(crate) async fn start(
        &self,
        institution: &'static Institution,
        listeners: Listeners,
        (peer, tenancy): (&Peer, OfTenant),
        cluster: Option<&str>,
    ) -> Result<Started, Failure> {
        let ports = listeners.ports()?;
        let folder = institution.folder(&self.data_dir);
        let databases = match self.storage {
            Storage::Files => databases::files(institution, &self.data_dir),
            Storage::Server { url, prefix, fresh } => databases::on_server(institution, url, prefix, fresh).await?,
        };
        let key_file = ensure_key(institution, &folder)?;

        let mut environments = institution.environments(&ports, &databases, &key_file, self.redis);
        self.hand_on(&mut environments, cluster);
        let entropy = &*self.deps.entropy;
        let mut operator = service_clients::hand_out(
            self.service_auth,
            institution,
            ports.service,
            &mut environments,
            &folder,
            entropy,
        )?;
        if let Some(issuer) = &self.issuer {
            environments.of_services().for_each(|environment| environment.set("OAUTH_ISSUER", issuer));
            environments.console.set("OAUTH_ISSUER", issuer);
            if let Some(client) = &mut operator {
                client.issuer.clone_from(issuer);
            }
        }
        write_environments(&environments, &folder)?;
        let configs = Configs::read(&environments)?;

        let mut seed = institution.seed(peer.connector).map_err(|error| Failure::start(institution.name, error))?;
        if self.peering == SeededPeering::Left {
            seed.peers.clear();
        }
        if tenancy == OfTenant::Seeded {
            let ilp_address = configs.backend.ilp_address.to_string();
            let of_tenant = tenant::as_peer(&seed, &ilp_address, &ports)?;
            seed.peers.push(of_tenant);
        }
        let base = configs.backend.open_payments_url.as_str();
        let cards = Cards::ensure(&folder, base, &seed, &*self.deps.entropy)?;
        seed.cards = cards.issued()?;

        let session = session(institution, &ports, &databases, &configs.backend, &seed, &folder)?;
        let session = Session { service: operator, clock_url: self.clock_url.clone(), ..session };
        let playgrounds = (institution.console(&configs.backend, peer.console.clone()), institution.wallet(&seed));
        let (wallet, roles) = self.start_roles(&configs, listeners, seed, &cards, playgrounds).await?;
        let of_tenant = (tenancy == OfTenant::Seeded).then(|| (environments.wallet.clone(), ports));
        Ok(Started { institution, session, wallet, roles, of_tenant })
    }

    /// Adds the variables that the playground hands on, and those of the ledger's `cluster`, if there is one.
    fn hand_on(&self, environments: &mut Environments, cluster: Option<&str>) {
        for (name, value) in &self.handed_on {
            if TO_WALLETS.contains(name) {
                environments.wallet.set(*name, value);
                continue;
            }
            environments.backend.set(*name, value);
            if !TO_BACKENDS.contains(name) {
                environments.auth.set(*name, value);
            }
        }
        if let Some(replicas) = cluster {
            environments.backend.set("USE_TIGERBEETLE", "true");
            environments.backend.set("TIGERBEETLE_REPLICA_ADDRESSES", replicas);
        }
    }

    /// Starts every role. Returns the wallet, and all roles in the order in which they have to stop.
    async fn start_roles(
        &self,
        configs: &Configs,
        listeners: Listeners,
        seed: Seed,
        cards: &Cards,
        (of_console, of_wallet): (console_role::Playground, wallet_role::Playground),
    ) -> Result<(Wallet, Vec<Running>), Failure> {
        let Listeners {
            open_payments,
            admin,
            connector,
            auth_admin,
            auth,
            introspection,
            interaction,
            service,
            wallet,
            card_service,
            point_of_sale,
            console,
            auto_peering,
            shop: shop_listener,
        } = listeners;

        let auth_listeners = auth::AuthListeners { auth, admin: auth_admin, interaction, introspection, service };
        let backend_listeners = backend::BackendListeners {
            open_payments,
            admin,
            connector,
            auto_peering: configs.backend.auto_peering.enabled.then_some(auto_peering),
        };

        // The wallet serves rates and the auth server introspection before the backend needs them.
        let auth = auth::start(&configs.auth, auth_listeners, &self.deps).await?;
        let wallet = wallet_role::Listening { pages: wallet, modules: None };
        let (wallet_running, wallet) = wallet_role::start(&configs.wallet, seed, wallet, &self.deps, of_wallet).await?;
        let backend = backend::start(&configs.backend, backend_listeners, &self.deps).await?;
        let card_service = card_service::start(&configs.card_service, card_service, &self.deps).await?;
        let (point_of_sale, terminals) =
            point_of_sale::start(&configs.point_of_sale, point_of_sale, &self.deps).await?;
        let accent = of_console.accent;
        let console = console_role::start(&configs.console, console, &self.deps, of_console)?;
        let shop = shop::start(&configs.shop, shop_listener, &self.deps, accent).await?;

        for terminal in cards.registered()? {
            let added = PointOfSale::add_terminal(&terminals, &terminal, self.deps.clock.now()).await;
            added.map_err(|error| Failure::start("the terminals", error))?;
        }
        Ok((wallet, vec![shop, console, point_of_sale, card_service, wallet_running, backend, auth]))
    }
}

/// The settings of an institution's roles.
struct Configs {
    backend: config::Backend,
    auth: config::Auth,
    wallet: config::Wallet,
    card_service: config::CardService,
    point_of_sale: config::PointOfSale,
    console: config::Console,
    shop: config::Shop,
}

impl Configs {
    fn read(environments: &Environments) -> Result<Self, Failure> {
        Ok(Self {
            backend: config::Backend::from_environment(&environments.backend)?,
            auth: config::Auth::from_environment(&environments.auth)?,
            wallet: config::Wallet::from_environment(&environments.wallet)?,
            card_service: config::CardService::from_environment(&environments.card_service)?,
            point_of_sale: config::PointOfSale::from_environment(&environments.point_of_sale)?,
            console: config::Console::from_environment(&environments.console)?,
            shop: config::Shop::from_environment(&environments.shop)?,
        })
    }
}

impl Started {
    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// The environment of its wallet and its ports, if a tenant of it has a wallet.
    pub(crate) fn operator_of_tenant(&self) -> Option<(&Environment, &Ports)> {
        self.of_tenant.as_ref().map(|(environment, ports)| (environment, ports))
    }

    /// Applies the seed, and repeats this until the instance answers.
    pub(crate) async fn seed(&self) -> Result<(), Failure> {
        self.wallet.seed().await.map_err(|error| Failure::start(self.institution.name, error))
    }

    /// The number of events that its wallet has given up.
    pub(crate) async fn dead_events(&self) -> Result<u64, Failure> {
        self.wallet.dead_events().await.map_err(|error| Failure::start(self.institution.name, error))
    }

    /// Writes the session file for other commands.
    pub(crate) fn write_session(&self, data_dir: &Path) -> Result<(), Failure> {
        self.session.write(&Session::path(data_dir, self.institution.slug))
    }

    /// Removes the session file.
    pub(crate) fn forget_session(&self, data_dir: &Path) {
        let path = Session::path(data_dir, self.institution.slug);
        if let Err(error) = std::fs::remove_file(&path) {
            tracing::debug!(path = %path.display(), %error, "no session to remove");
        }
    }

    /// Stops its roles: first those that send requests, last those that answer them.
    pub(crate) async fn stop(self) {
        for role in self.roles {
            role.stop().await;
        }
    }
}

/// The roles of an institution, by name.
pub(crate) const ROLES: [&str; 7] = ["backend", "auth", "wallet", "card-service", "point-of-sale", "console", "shop"];

/// The institution's key as a file, as the reference's variables require. An existing file is never replaced.
fn ensure_key(institution: &Institution, folder: &Path) -> Result<PathBuf, Failure> {
    std::fs::create_dir_all(folder).map_err(|e| Failure::io(format!("cannot create {}", folder.display()), e))?;
    let path = folder.join(KEY_FILE);
    match std::fs::read_to_string(&path) {
        Ok(key) if http_signatures::SigningKey::from_text(&key).is_ok() => return Ok(path),
        Ok(_) => {
            return Err(Failure::start(
                institution.name,
                format!(
                    "{} no longer contains a private key; restore it, or remove the file to get the playground's key again",
                    path.display()
                ),
            ));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(Failure::io(format!("cannot read {}", path.display()), error)),
    }
    private_file::write(&path, &institution.key_pem())?;
    Ok(path)
}

/// Each role's environment as a file for `ENV_FILE`, so that each role can be run alone.
fn write_environments(environments: &Environments, folder: &Path) -> Result<(), Failure> {
    let Environments { backend, auth, wallet, card_service, point_of_sale, console, shop } = environments;
    let all = [backend, auth, wallet, card_service, point_of_sale, console, shop];
    for (role, environment) in ROLES.into_iter().zip(all) {
        private_file::write(&folder.join(environment_file(role)), &environment.to_dotenv())?;
    }
    Ok(())
}

/// The file with the environment of a role.
pub(crate) fn environment_file(role: &str) -> String {
    format!("{role}.env")
}

fn session(
    institution: &Institution,
    ports: &Ports,
    databases: &Databases,
    backend: &config::Backend,
    seed: &Seed,
    folder: &Path,
) -> Result<Session, Failure> {
    let local = |port: u16, path: &str| {
        Url::parse(&format!("http://localhost:{port}{path}")).map_err(|e| Failure::start(institution.name, e))
    };

    let base = backend.open_payments_url.as_str().trim_end_matches('/').to_owned();
    let at_start = seed.accounts.iter().filter(|account| account.wallet_address == AddressCreation::AtStart);
    let on_demand = seed.accounts.iter().filter(|account| account.wallet_address == AddressCreation::OnDemand);
    let wallet_addresses = at_start
        .chain(on_demand)
        .map(|account| SessionAddress {
            url: format!("{base}/{}", account.path),
            name: account.name.clone(),
            asset_code: account.asset.code.to_string(),
            asset_scale: account.asset.scale,
        })
        .collect();

    Ok(Session {
        name: institution.name.to_owned(),
        pid: std::process::id(),
        open_payments_url: backend.open_payments_url.clone(),
        admin_url: local(ports.admin, "/graphql")?,
        connector_url: local(ports.connector, "")?,
        peering_url: local(ports.auto_peering, "")?,
        auth_url: local(ports.auth, "")?,
        wallet_url: local(ports.wallet, "")?,
        card_service_url: local(ports.card_service, "")?,
        point_of_sale_url: local(ports.point_of_sale, "")?,
        console_url: local(ports.console, "")?,
        shop_url: local(ports.shop, "")?,
        cards_file: folder.join(cards::FILE).display().to_string(),
        tenant_id: institution.operator_tenant_id,
        admin_secret: backend.admin_api.secret.expose().to_owned(),
        webhook_secret: backend.webhooks.secret.as_ref().map(|secret| secret.expose().to_owned()).unwrap_or_default(),
        service: None,
        database_url: databases.backend.expose().to_owned(),
        auth_database_url: databases.auth.expose().to_owned(),
        wallet_database_url: databases.wallet.expose().to_owned(),
        card_database_url: databases.card_service.expose().to_owned(),
        pos_database_url: databases.point_of_sale.expose().to_owned(),
        ledger_url: LedgerPlace::of(backend).to_string(),
        clock_url: None,
        wallet_addresses,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::institution::CLOUD_NINE;

    #[test]
    fn a_key_is_made_once_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = ensure_key(&CLOUD_NINE, folder.path()).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), CLOUD_NINE.key_pem());
        ensure_key(&CLOUD_NINE, folder.path()).unwrap();
        std::fs::write(&path, "-----BEGIN PRIVATE KEY-----\ngarbage").unwrap();
        let refused = ensure_key(&CLOUD_NINE, folder.path()).unwrap_err().to_string();
        assert!(refused.contains("no longer contains a private key"), "{refused}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "-----BEGIN PRIVATE KEY-----\ngarbage");
    }
}
