//! The command line.
//!
//! Roles read their settings from the environment; the commands around them take options.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use url::Url;
use uuid::Uuid;

use crate::ledger_place::LedgerPlace;

/// Interledger payments for wallets and banks.
#[derive(Debug, Parser)]
#[command(name = "rafiki", version, about, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run two complete, peered institutions in this process, nothing to install.
    Dev(DevOptions),
    /// Send money between wallet addresses and show what moved.
    ///
    /// Ends with 0 when the payment is completed; 3 unknown receiver, 4 not enough money or liquidity,
    /// 5 an institution does not answer, 6 amount too small, 7 not confirmed, 1 anything else.
    Pay(Box<PayOptions>),
    /// Start both institutions in a temporary folder, make three payments, check that no money was lost, stop.
    Demo(DemoOptions),
    /// Run the backend: Open Payments, ILP connector, Admin API and workers. Configured by the environment.
    ///
    /// Open Payments and the connector listen on LISTEN_ADDRESS (every address of the machine unless set), the Admin API
    /// on PRIVATE_LISTEN_ADDRESS (127.0.0.1 unless set).
    Backend,
    /// Run the authorization server. Configured by the environment.
    ///
    /// It listens to clients on LISTEN_ADDRESS (every address of the machine unless set); the Admin API, interaction,
    /// introspection and the service API on PRIVATE_LISTEN_ADDRESS (127.0.0.1 unless set). Callers of the last two show
    /// AUTH_SERVICE_SECRET (made of ADMIN_API_SECRET unless set).
    Auth,
    /// Run the built-in account-servicing entity. Configured by the environment.
    ///
    /// It listens on PRIVATE_LISTEN_ADDRESS (127.0.0.1 unless set).
    Wallet,
    /// Bring the databases of the configured roles up to date.
    Migrate(RoleOptions),
    /// Look at the configuration.
    Config(ConfigOptions),
    /// Look at a ledger.
    Ledger(LedgerOptions),
}

impl Command {
    /// Threads for this command: the playground shares its machine with its user.
    pub(crate) fn worker_threads(&self) -> usize {
        match self {
            Self::Dev(_) | Self::Demo(_) => 2,
            Self::Backend | Self::Auth | Self::Wallet => {
                std::thread::available_parallelism().map_or(2, std::num::NonZero::get)
            }
            _ => 1,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct DevOptions {
    /// Where databases and keys are kept.
    #[arg(long, default_value = "./data")]
    pub(crate) data_dir: PathBuf,
    /// Forget everything and start over.
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Run one institution only; the other is expected on its own ports.
    #[arg(long, value_enum)]
    pub(crate) only: Option<InstitutionName>,
    /// First of forty ports to use instead of 3000… and 4000….
    #[arg(long, value_name = "BASE")]
    pub(crate) ports: Option<u16>,
    /// PostgreSQL server to keep everything in, as postgres://user@host:port; databases are created.
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<Url>,
    /// Prefix of the database names on that server.
    #[arg(long, default_value = "rafiki_dev", requires = "database")]
    pub(crate) database_name: String,
    /// Redis to share caches in.
    #[arg(long, value_name = "URL")]
    pub(crate) redis: Option<String>,
    /// TigerBeetle cluster 0 to keep the ledger of Cloud Nine in, or of the institution run by --only: replicas as
    /// port, ip:port or host:port, comma separated. A cluster is one institution's, and is not emptied.
    #[arg(long, value_name = "ADDRESSES", conflicts_with = "fresh")]
    pub(crate) tigerbeetle: Option<String>,
    /// Log level or filter, written to standard error.
    #[arg(long, env = "LOG_LEVEL", default_value = "warn")]
    pub(crate) log: String,
}

impl DevOptions {
    /// The cluster that keeps an institution's ledger, if one does.
    pub(crate) fn cluster_of(&self, institution: InstitutionName) -> Option<&str> {
        let on_cluster = self.only.unwrap_or(InstitutionName::CloudNine);
        self.tigerbeetle.as_deref().filter(|_| institution == on_cluster)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum InstitutionName {
    /// Cloud Nine Wallet.
    CloudNine,
    /// Happy Life Bank.
    HappyLife,
}

#[derive(Debug, Args)]
pub(crate) struct PayOptions {
    /// The payer's wallet address.
    #[arg(long)]
    pub(crate) from: String,
    /// The payee's wallet address or payment pointer.
    #[arg(long)]
    pub(crate) to: String,
    #[command(flatten)]
    pub(crate) amount: PayAmount,
    /// Do not ask.
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// One JSON object on standard output.
    #[arg(long, requires = "yes")]
    pub(crate) json: bool,
    /// Where a running `rafiki dev` keeps its data.
    #[arg(long, default_value = "./data")]
    pub(crate) data_dir: PathBuf,
    /// Admin API of the payer's institution, when it is no playground.
    #[arg(long, env = "GRAPHQL_URL", requires = "tenant", requires = "secret")]
    pub(crate) admin_url: Option<Url>,
    /// Tenant the Admin API is used as.
    #[arg(long, env = "OPERATOR_TENANT_ID")]
    pub(crate) tenant: Option<Uuid>,
    /// The tenant's API secret.
    #[arg(long, env = "ADMIN_API_SECRET", hide_env_values = true)]
    pub(crate) secret: Option<String>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct PayAmount {
    /// Pay exactly this, fees included, in the payer's currency.
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) send: Option<String>,
    /// Let the payee get exactly this, in the payee's currency.
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) receive: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DemoOptions {
    /// One JSON object on standard output.
    #[arg(long)]
    pub(crate) json: bool,
    /// Log level or filter, written to standard error.
    #[arg(long, env = "LOG_LEVEL", default_value = "warn")]
    pub(crate) log: String,
}

#[derive(Debug, Args)]
pub(crate) struct RoleOptions {
    /// Which roles; by default all.
    #[arg(value_enum)]
    pub(crate) roles: Vec<RoleName>,
}

impl RoleOptions {
    /// The chosen roles, or all.
    pub(crate) fn chosen(&self) -> Vec<RoleName> {
        if self.roles.is_empty() { RoleName::value_variants().to_vec() } else { self.roles.clone() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleName {
    /// The backend.
    Backend,
    /// The authorization server.
    Auth,
    /// The account-servicing entity.
    Wallet,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigOptions {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Report everything that is wrong with the environment of the roles.
    Check(RoleOptions),
}

#[derive(Debug, Args)]
pub(crate) struct LedgerOptions {
    #[command(subcommand)]
    pub(crate) command: LedgerCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Recompute every balance from the journal and compare; of a TigerBeetle cluster, which keeps its journal itself,
    /// check that every ledger sums to zero.
    Verify {
        /// The ledger: sqlite:<file>, postgres://… or tigerbeetle://<addresses>/<cluster id>; by default that of the
        /// backend configured by the environment.
        url: Option<LedgerPlace>,
        /// One JSON object on standard output.
        #[arg(long)]
        json: bool,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_payment_needs_exactly_one_amount() {
        let pay = |more: &[&str]| {
            let line = ["rafiki", "pay", "--from", "a", "--to", "b"].iter().chain(more);
            Cli::try_parse_from(line).is_ok()
        };
        assert!(pay(&["--send", "10"]) && pay(&["--receive", "10"]));
        assert!(!pay(&[]) && !pay(&["--send", "10", "--receive", "10"]));
        assert!(!pay(&["--send", "10", "--json"]), "a script cannot be asked");
    }
}
