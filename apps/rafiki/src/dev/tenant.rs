//! Cloud Ten Wallet, a tenant of Cloud Nine in the playground: its variables, its seed file, and its wallet.
//!
//! The wallet is started like any other wallet of a tenant. Payments to Happy Life Bank pass Cloud Nine.

use std::path::Path;

use config::{DatabaseUrl, Environment};
use tokio::net::TcpListener;
use wallet::seed::{CLOUD_TEN, Seed, SeedPeer};
use wallet::{Accent, OneClick, Tenancy, Wallet};

use super::institution::KEY_FILE;
use super::ports::Ports;
use crate::failure::Failure;
use crate::private_file;
use crate::roles::running::Running;
use crate::roles::shared_deps::SharedDeps;
use crate::roles::wallet as wallet_role;

const NAME: &str = "Cloud Ten Wallet";
/// The folder of its files.
pub(crate) const SLUG: &str = "cloud-ten";
const SEED_FILE: &str = "seed.yml";
const ENVIRONMENT_FILE: &str = "wallet.env";
/// What Cloud Nine lets it owe, in cents.
const LIQUIDITY: u64 = 10_000_000;

/// Its files in its folder.
pub(crate) fn is_own(name: &str) -> bool {
    let of_database = |database: &str| {
        name.strip_prefix(database).is_some_and(|rest| ["", "-wal", "-shm", "-journal", ".lock"].contains(&rest))
    };
    [SEED_FILE, ENVIRONMENT_FILE].contains(&name) || ["wallet.db", "wallet-ledger.db"].into_iter().any(of_database)
}

/// The wallet of the tenant, which runs.
pub(crate) struct StartedTenant {
    tenancy: Option<Tenancy>,
    wallet: Wallet,
    running: Running,
    /// The address of its pages.
    url: String,
    /// Its seeded wallet addresses with the names of their customers.
    addresses: Vec<(String, String)>,
}

/// The tenant as a peer of the operator of its instance.
pub(crate) fn as_peer(operator: &Seed, ilp_address: &str, ports: &Ports) -> Result<SeedPeer, Failure> {
    let seed = seed(ports, 0)?;
    let failed = || Failure::start(NAME, "its seed has no tenant or peer");
    let (tenant, peer) = (seed.tenant.ok_or_else(failed)?, seed.peers.into_iter().next().ok_or_else(failed)?);
    let asset = operator.assets.first().map(|asset| asset.asset.clone()).ok_or_else(failed)?;
    Ok(SeedPeer {
        name: NAME.to_owned(),
        asset,
        ilp_address: format!("{ilp_address}.{}", tenant.id),
        endpoint: peer.endpoint,
        initial_liquidity: LIQUIDITY,
        liquidity_threshold: LIQUIDITY / 10,
        max_packet_amount: None,
        incoming_tokens: vec![peer.outgoing_token],
        outgoing_token: peer.incoming_tokens.into_iter().next().ok_or_else(failed)?,
        routes: Vec::new(),
    })
}

/// The seed file, for an instance on these ports and a wallet on this one.
fn seed_file(instance: &Ports, wallet: u16) -> String {
    CLOUD_TEN
        // Addresses below the operator's own base are the operator's, so the same listener has another name here.
        .replace("{addresses}", &format!("https://127.0.0.1:{}", instance.open_payments))
        .replace("{connector}", &format!("http://localhost:{}", instance.connector))
        .replace("{wallet}", &format!("http://localhost:{wallet}"))
}

fn seed(instance: &Ports, wallet: u16) -> Result<Seed, Failure> {
    Seed::of_tenant(&seed_file(instance, wallet)).map_err(|error| Failure::start(NAME, error))
}

/// Starts the wallet at the instance of Cloud Nine, whose own wallet has this environment.
pub(crate) async fn start(
    data_dir: &Path,
    operator: &Environment,
    instance: &Ports,
    listener: TcpListener,
    deps: &SharedDeps,
) -> Result<StartedTenant, Failure> {
    let folder = data_dir.join(SLUG);
    std::fs::create_dir_all(&folder).map_err(|e| Failure::io(format!("cannot create {}", folder.display()), e))?;
    let port = listener.local_addr().map_err(|error| Failure::start(NAME, error))?.port();
    let seed_path = folder.join(SEED_FILE);
    private_file::write(&seed_path, &seed_file(instance, port))?;

    let mut environment = operator.clone();
    let key_file = data_dir.join("cloud-nine").join(KEY_FILE);
    for (name, value) in [
        ("DISPLAY_NAME", NAME.to_owned()),
        ("IS_TENANT", "true".to_owned()),
        ("SEED_FILE_LOCATION", seed_path.display().to_string()),
        ("KEY_FILE", key_file.display().to_string()),
        ("DATABASE_URL", DatabaseUrl::sqlite(&folder.join("wallet.db")).expose().to_owned()),
        ("PORT", port.to_string()),
        ("PUBLIC_URL", format!("http://localhost:{port}")),
    ] {
        environment.set(name, value);
    }
    private_file::write(&folder.join(ENVIRONMENT_FILE), &environment.to_dotenv())?;

    let config = config::Wallet::from_environment(&environment)?;
    let seed = wallet_role::seed(&config)?;
    let tenancy = wallet_role::tenancy(&config, &seed, deps)?;
    let config = wallet_role::acting(config, &seed);
    let base = config.open_payments_url.as_str().trim_end_matches('/').to_owned();
    let addresses =
        seed.accounts.iter().map(|account| (format!("{base}/{}", account.path), account.name.clone())).collect();
    let one_click = seed.users.iter().map(|user| OneClick { email: user.email.clone(), name: user.name.clone() });
    let playground = wallet_role::Playground { accent: Accent::Teal, one_click: one_click.collect() };
    let listeners = wallet_role::Listening { pages: listener, modules: None };
    let (running, wallet) = wallet_role::start(&config, seed, listeners, deps, playground).await?;
    Ok(StartedTenant { tenancy, wallet, running, url: format!("http://localhost:{port}"), addresses })
}

impl StartedTenant {
    /// Makes the tenant and applies the seed.
    pub(crate) async fn seed(&self) -> Result<(), Failure> {
        if let Some(tenancy) = &self.tenancy {
            tenancy.ensure().await.map_err(|error| Failure::start(NAME, error))?;
        }
        self.wallet.seed().await.map_err(|error| Failure::start(NAME, error))
    }

    pub(crate) async fn stop(self) {
        self.running.stop().await;
    }

    /// For a newcomer.
    pub(crate) fn introduction(&self) -> String {
        let mut text = format!(
            "\n{NAME} is a tenant of Cloud Nine, with a wallet of its own: {}\nIts payments to Happy Life Bank pass Cloud Nine.\n",
            self.url
        );
        for (address, name) in &self.addresses {
            text.extend(["  ", address, "  ", name, "\n"]);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::InstitutionName;

    #[test]
    fn the_tenant_and_its_operator_know_each_other_by_the_same_tokens() {
        let ports = Ports::localenv(InstitutionName::CloudNine);
        let own = seed(&ports, 5030).unwrap();
        let nine = Seed::from_yaml(wallet::seed::CLOUD_NINE).unwrap();
        let peer = as_peer(&nine, "test.cloud-nine-wallet", &ports).unwrap();
        assert_eq!(peer.ilp_address, "test.cloud-nine-wallet.bc293b79-8609-47bd-b914-6438b470aff8");
        assert_eq!([&peer.outgoing_token], *own.peers[0].incoming_tokens.iter().collect::<Vec<_>>());
        assert_eq!([&own.peers[0].outgoing_token], *peer.incoming_tokens.iter().collect::<Vec<_>>());
        assert_eq!((own.accounts.len(), own.users.len()), (5, 5));
        let tenant = own.tenant.unwrap();
        assert_eq!(tenant.wallet_address_prefix.as_str(), "https://127.0.0.1:3000/cloud-ten");
        assert_eq!(tenant.webhook_url.as_str(), "http://localhost:5030/webhooks");
    }
}
