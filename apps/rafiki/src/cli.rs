//! The command line.
//!
//! Roles read their settings from the environment; the commands around them take options.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use url::Url;
use uuid::Uuid;

use service_auth::{ServiceRole, Ways};

use crate::backup::options::{BackupOptions, RestoreOptions};
use crate::config_reading::options::{ExplainOptions, ShowOptions};
use crate::conformance_run::options::ConformanceOptions;
use crate::doctor::options::DoctorOptions;
use crate::events::options::{EventsOptions, ListenOptions, TriggerOptions};
use crate::known_options::KnownOptions;
use crate::ledger_place::LedgerPlace;
use crate::ledger_reading::options::{BalanceOptions, LedgerExportOptions};
use crate::moving_options::{ExportOptions, ImportOptions, ShadowOptions};
use crate::peer::options::PeerOptions;
use crate::role_name::{RoleFile, USUAL, role_parser};
use crate::signatures::options::{SignOptions, VerifyOptions};
use crate::test_clock::options::ClockOptions;
use crate::testnet::options::TestnetOptions;
use crate::trace::options::TraceOptions;

/// Interledger payments for wallets and banks.
#[derive(Debug, Parser)]
#[command(name = "rafiki", version, about, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run two complete, peered institutions in this process. Nothing has to be installed.
    Dev(DevOptions),
    /// Send money between wallet addresses and show what moved.
    ///
    /// Ends with 0 when the payment is completed; 3 unknown receiver, 4 not enough money or liquidity, 5 an institution
    /// does not answer, 6 amount too small, 7 not confirmed, 8 stopped while the payment continues, 2 wrong arguments, 1
    /// any other error.
    Pay(Box<PayOptions>),
    /// Present a virtual card of the playground at a merchant's virtual terminal, and show the receipt.
    ///
    /// Ends with 0 when it is paid; 2 wrong arguments, 3 no such card or terminal, 4 declined, 5 an institution does
    /// not answer, 8 result unknown (repeat the command with the same --request-id: the tap is paid once or not at
    /// all), 1 any other error.
    Tap(Box<TapOptions>),
    /// Register the terminals of merchants at the point of sale configured by the environment.
    Terminal(TerminalOptions),
    /// Make a client of the built-in issuer for a role: its secret, and the entry for OAUTH_CLIENTS_FILE.
    ServiceClient(ServiceClientOptions),
    /// Show the state of an outgoing payment.
    ///
    /// Ends with 0 when it is found, 3 when no known institution has it, 5 when one does not answer.
    Payment(Box<PaymentOptions>),
    /// Send one signed request to the Admin API and show the answer: an operation with its arguments, or a document.
    ///
    /// `rafiki admin --list` shows the operations, `rafiki admin OPERATION --help` the arguments of one. docs/tools.md
    /// has examples.
    Admin(Box<AdminOptions>),
    /// Ask another node to become a peer, or to renew the tokens of an existing peering. `rafiki peer probe` measures one.
    ///
    /// Each side decides alone how much credit it gives to the other. Packets flow both ways after both have done this. Ends with 0 when the
    /// peering is made, 1 when it is refused, 5 when the own institution does not answer.
    Peer(Box<PeerOptions>),
    /// Join a net of test nodes.
    Testnet(TestnetOptions),
    /// Start both institutions in a temporary folder, make three payments, check that no money was lost, stop.
    Demo(DemoOptions),
    /// Run the backend: Open Payments, ILP connector, Admin API and workers. Configured by the environment.
    ///
    /// Open Payments and the connector listen on LISTEN_ADDRESS (every address of the machine unless set), the Admin
    /// API on PRIVATE_LISTEN_ADDRESS (127.0.0.1 unless set).
    Backend,
    /// Run the authorization server. Configured by the environment.
    ///
    /// It listens to clients on LISTEN_ADDRESS (every address of the machine unless set); the Admin API, interaction,
    /// introspection and the service API on PRIVATE_LISTEN_ADDRESS (127.0.0.1 unless set). Callers of the last two send
    /// AUTH_SERVICE_SECRET (derived from ADMIN_API_SECRET unless set).
    Auth,
    /// Run the built-in account-servicing entity. Configured by the environment.
    ///
    /// It listens on PRIVATE_LISTEN_ADDRESS (127.0.0.1 unless set).
    Wallet,
    /// Run the card service. Points of sale of other institutions send it payments by customers' cards. Configured by
    /// the environment.
    ///
    /// It listens on LISTEN_ADDRESS (every address of the machine unless set).
    CardService,
    /// Run the point of sale. Terminals of merchants send it presented cards. Configured by the environment.
    ///
    /// It listens on LISTEN_ADDRESS (every address of the machine unless set).
    PointOfSale,
    /// Run the operators' web console. Configured by the environment.
    ///
    /// It listens on PRIVATE_LISTEN_ADDRESS (127.0.0.1 unless set).
    Console,
    /// Run the service of exchange rates. It serves the rates of a file, and reads it again after a change. Configured by the
    /// environment.
    ///
    /// It listens on PRIVATE_LISTEN_ADDRESS (127.0.0.1 unless set).
    Rates,
    /// Run the sample shop. It is paid by customers of any wallet over Open Payments. Configured by the environment.
    ///
    /// It listens on LISTEN_ADDRESS (every address of the machine unless set).
    Shop,
    /// Bring the databases of the configured roles up to date.
    Migrate(RoleOptions),
    /// Save the databases of roles, all as of one instant, while the roles run.
    ///
    /// SQLite files are locked against writers for a moment, Postgres databases not at all. Secrets are saved as they are
    /// stored, sealed or hashed; the variables and files of the roles are not saved, nor is a TigerBeetle cluster. Ends
    /// with 0 when the backup is whole, 3 when a database cannot be read, 1 for any other error. A backup that did not
    /// end with 0 has no manifest, and is never restored.
    Backup(BackupOptions),
    /// Fill empty databases of roles from a backup.
    ///
    /// The whole backup is read and compared with its checksums first. Then everything is written and compared, and
    /// counts at the end. Ends with 0 when all is restored, 1 when something was refused or a restored ledger is damaged,
    /// 3 when the backup is damaged, not whole or of a later version, or when a database does not answer.
    Restore(RestoreOptions),
    /// Take over a running Rafiki 2.4. Its two databases are copied into the databases that the environment configures.
    ///
    /// Shows a plan, moves everything, and compares both. May be repeated: a second run moves what has changed since the first. Ends
    /// with 0 when every total is equal, 1 when not or when rows cannot be moved, 3 when the old databases cannot be
    /// read. docs/moving-in.md describes every step.
    Import(Box<ImportOptions>),
    /// Go back to Rafiki 2.4: fill two of its databases, which are empty, from the databases that the environment
    /// configures.
    ///
    /// Shows a plan, writes everything, and compares both; nothing is kept before every total is equal. May be repeated
    /// after an interruption. Ends with 0 when every total is equal, 1 when not or when something cannot go back, 3 when
    /// a database cannot be read. docs/moving-in.md describes every step.
    Export(Box<ExportOptions>),
    /// Compare an imported copy with a running Rafiki 2.4: a proxy that sends each request to both.
    ///
    /// Clients get the answers of Rafiki 2.4 and do not wait for the copy. Prints each difference (status, shape,
    /// amounts, totals) with the request's id and without personal data, and the counts every minute. Runs until it is
    /// stopped, and ends with 1 if there was a difference. docs/moving-in.md describes it.
    Shadow(ShadowOptions),
    /// Sign a request or a webhook, and print the headers.
    Sign(Box<SignOptions>),
    /// Say whether a signature is right, and if not, why.
    ///
    /// Each mistake has a name of its own, listed in docs/signatures.md. Ends with 0 when the signature is right, 1 when
    /// it is not or when a file cannot be read, 2 wrong arguments.
    Verify(Box<VerifyOptions>),
    /// List events and their deliveries, show each attempt, and send events again.
    Events(EventsOptions),
    /// Show the events of a playground as they are sent, and hand them to a server of this machine.
    ///
    /// Deliveries to other recipients go on as before. The server gets what the instance signed. What it does not answer
    /// with 200 is sent again.
    Listen(Box<ListenOptions>),
    /// Send samples of events to a URL, signed like events. Nothing stands behind them.
    Trigger(Box<TriggerOptions>),
    /// Show and move the clock of a running playground: expiry, intervals of grants and retries in seconds.
    Clock(ClockOptions),
    /// Show everything that a payment did: quote, money, events and attempts to deliver them, at both institutions if they
    /// are known here.
    Trace(Box<TraceOptions>),
    /// Run black-box cases against a server of Open Payments, and say what differs, with the rule and a command that shows
    /// it again.
    ///
    /// Makes an incoming payment and grants at the server, and revokes the grants. Pays a hundred smallest units if it is
    /// given the token of a peer.
    Conformance(Box<ConformanceOptions>),
    /// Print a completion script for a shell, for example: rafiki completions bash > /etc/bash_completion.d/rafiki
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Write manual pages into a folder.
    Man {
        /// The folder, for example /usr/local/share/man/man1.
        folder: PathBuf,
    },
    /// Examine what the roles need: databases, ledger, cache, clocks, secrets, ports, peers, rates, certificates, disk.
    ///
    /// Says for each what was found and what to do. It works while the roles run and when they do not, changes nothing and
    /// shows no secret; every other server gets one GET. Ends with 0 when nothing failed, 1 otherwise; with --strict also
    /// for warnings.
    Doctor(DoctorOptions),
    /// Check, show and explain the configuration.
    Config(ConfigOptions),
    /// Check a ledger, and read from it.
    Ledger(LedgerOptions),
}

impl Command {
    /// Threads for this command. The playground shares its machine with its user.
    pub(crate) fn worker_threads(&self) -> usize {
        match self {
            Self::Dev(_) | Self::Demo(_) => 2,
            Self::Backend
            | Self::Auth
            | Self::Wallet
            | Self::CardService
            | Self::PointOfSale
            | Self::Console
            | Self::Rates
            | Self::Shop
            | Self::Shadow(_) => std::thread::available_parallelism().map_or(2, std::num::NonZero::get),
            _ => 1,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "TRUST_PROXY, SIGNATURE_PUBLIC_URL and SIGNATURE_ANY_HOST in the environment apply to both \
                        institutions, so that clients that insist on https can reach them through a proxy. So do ENABLE_TELEMETRY, \
                        ENABLE_TELEMETRY_TRACES and the collectors that go with them.")]
pub(crate) struct DevOptions {
    /// The folder of databases and keys.
    #[arg(long, default_value = "./data")]
    pub(crate) data_dir: PathBuf,
    /// Delete all data and start over.
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Run one institution only. The other is expected on its own ports.
    #[arg(long, value_enum)]
    pub(crate) only: Option<InstitutionName>,
    /// Do not make the two institutions peers. `rafiki peer` can do that later.
    #[arg(long)]
    pub(crate) unpeered: bool,
    /// Start a tenant of Cloud Nine too, Cloud Ten Wallet, on port 5030 (or the fifteenth of --ports). It has a wallet of
    /// its own, and its payments to Happy Life Bank pass Cloud Nine.
    #[arg(long, conflicts_with_all = ["database", "unpeered"])]
    pub(crate) tenant: bool,
    /// First of forty ports to use instead of 3000… and 4000….
    #[arg(long, value_name = "BASE", value_parser = port_base)]
    pub(crate) ports: Option<u16>,
    /// PostgreSQL server for all data, as postgres://user@host:port. The databases are created on it.
    #[arg(long, value_name = "URL", value_parser = database_server)]
    pub(crate) database: Option<Url>,
    /// Prefix of the database names on that server.
    #[arg(long, default_value = "rafiki_dev", requires = "database")]
    pub(crate) database_name: String,
    /// Redis for caches.
    #[arg(long, value_name = "URL")]
    pub(crate) redis: Option<String>,
    /// TigerBeetle cluster 0 for the ledger of Cloud Nine, or of the institution run by --only: replicas as port,
    /// ip:port or host:port, comma separated. A cluster belongs to one institution, and is not emptied.
    #[arg(long, value_name = "ADDRESSES", conflicts_with = "fresh")]
    pub(crate) tigerbeetle: Option<String>,
    /// How the roles prove to each other who they are, as SERVICE_AUTH: hmac, token, or hmac,token. With token alone, no
    /// two roles share a secret; the consoles and commands show tokens, too.
    #[arg(long, value_name = "WAYS", default_value = "hmac")]
    pub(crate) service_auth: Ways,
    /// Log level or filter, written to standard error.
    #[arg(long, env = "LOG_LEVEL", default_value = "warn")]
    pub(crate) log: String,
}

/// Room for forty ports.
fn port_base(text: &str) -> Result<u16, String> {
    let base = text.parse::<u16>().ok().filter(|base| (1..=u16::MAX - 40).contains(base));
    base.ok_or_else(|| {
        "give the first of forty ports, for example 5000; without it the ports are 3000… and 4000…".to_owned()
    })
}

fn database_server(text: &str) -> Result<Url, String> {
    let server = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "postgres" | "postgresql"));
    server.ok_or_else(|| {
        "name a PostgreSQL server as postgres://user@host:port; without it all data is in SQLite files in \
         --data-dir"
            .to_owned()
    })
}

impl DevOptions {
    /// The cluster with an institution's ledger, if there is one.
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
    /// Do not ask for confirmation.
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// One JSON object on standard output.
    #[arg(long, requires = "yes")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) known: KnownOptions,
}

#[derive(Debug, Args)]
pub(crate) struct TapOptions {
    /// The card holder's wallet address.
    #[arg(long)]
    pub(crate) from: String,
    /// The merchant's wallet address.
    #[arg(long)]
    pub(crate) at: String,
    /// The amount, in the merchant's currency.
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) amount: String,
    /// The PIN, needed for amounts from 50.00 on. Every card of the playground has 1234.
    #[arg(long)]
    pub(crate) pin: Option<String>,
    /// The id of an earlier tap with unknown result. It is paid once or not at all.
    #[arg(long, value_name = "ID")]
    pub(crate) request_id: Option<Uuid>,
    /// One JSON object on standard output.
    #[arg(long)]
    pub(crate) json: bool,
    /// The data folder of a running `rafiki dev`.
    #[arg(long, default_value = "./data")]
    pub(crate) data_dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ServiceClientOptions {
    /// The role that gets the secret.
    #[arg(value_parser = role_parser())]
    pub(crate) role: ServiceRole,
    /// The tenant for which wallet, card service and point of sale act.
    #[arg(long)]
    pub(crate) tenant: Option<Uuid>,
    /// The name of the client; by default that of the role.
    #[arg(long)]
    pub(crate) id: Option<String>,
    /// The client has no secret: it proves itself with the certificate of the role, which names the role and the tenant.
    #[arg(long)]
    pub(crate) certificate: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TerminalOptions {
    #[command(subcommand)]
    pub(crate) command: TerminalCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TerminalCommand {
    /// Register a terminal, and show its id and private key once, as JSON.
    Add {
        /// The merchant's wallet address, the only one that it can act for.
        #[arg(long)]
        merchant: String,
        /// A name for people.
        #[arg(long)]
        name: String,
    },
    /// Revoke a terminal.
    Revoke {
        /// Its id.
        id: String,
    },
    /// Show every terminal.
    List,
}

#[derive(Debug, Args)]
pub(crate) struct PaymentOptions {
    /// The payment's id, as `pay` printed it.
    pub(crate) id: Uuid,
    /// One JSON object on standard output.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) known: KnownOptions,
}

#[derive(Debug, Args)]
pub(crate) struct AdminOptions {
    /// GraphQL, for example '{ outgoingPayments(first: 10) { edges { node { id state } } } }'.
    #[arg(required_unless_present_any = ["schema", "list"])]
    pub(crate) query: Option<String>,
    /// The query's variables, as JSON.
    #[arg(long, value_name = "JSON")]
    pub(crate) variables: Option<String>,
    /// Print the schema instead.
    #[arg(long, conflicts_with = "query")]
    pub(crate) schema: bool,
    /// List the operations instead.
    #[arg(long, conflicts_with = "query")]
    pub(crate) list: bool,
    /// List them as one JSON object. Answers are JSON anyway.
    #[arg(long, requires = "list")]
    pub(crate) json: bool,
    /// Which institution of the playground, by a part of its name: cloud, happy.
    #[arg(long, value_name = "NAME")]
    pub(crate) at: Option<String>,
    #[command(flatten)]
    pub(crate) known: KnownOptions,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct PayAmount {
    /// Pay exactly this amount, fees included, in the payer's currency.
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
    pub(crate) send: Option<String>,
    /// Deliver exactly this amount, in the payee's currency.
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
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
    /// Which roles; by default backend, auth and wallet.
    #[arg(value_parser = role_parser())]
    pub(crate) roles: Vec<ServiceRole>,
}

impl RoleOptions {
    /// The chosen roles, or those every installation has.
    pub(crate) fn chosen(&self) -> Vec<ServiceRole> {
        if self.roles.is_empty() { USUAL.to_vec() } else { self.roles.clone() }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ConfigOptions {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Report every error in the variables of the roles, and every conflict between roles.
    ///
    /// Reads the databases, and changes nothing there. Ends with 0 when every role would start, with 1 otherwise.
    Check(CheckOptions),
    /// Show the values that roles use, and where each comes from. Secrets are hidden.
    Show(ShowOptions),
    /// Say what a variable means, what its default is, and which roles read it.
    Explain(ExplainOptions),
}

#[derive(Debug, Args)]
pub(crate) struct CheckOptions {
    /// Which roles, by default backend, auth and wallet, as ROLE or ROLE=FILE: backend=backend.env auth=auth.env wallet=wallet.env.
    /// Without a file, the variables of this environment and of ENV_FILE (default .env); with one, those of the
    /// file alone. Several backends of one installation may be named.
    pub(crate) roles: Vec<RoleFile>,
    /// Do not connect to databases and caches.
    #[arg(long)]
    pub(crate) offline: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LedgerOptions {
    #[command(subcommand)]
    pub(crate) command: LedgerCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Recompute every balance from the journal and compare. A TigerBeetle cluster keeps its journal itself; for it,
    /// check that every ledger sums to zero.
    ///
    /// Reads only, and writes nothing beside the ledger. Ends with 0 when the ledger is correct, 1 when it is not, 3
    /// when it cannot be read or is not a ledger. Amounts are in the smallest unit of their asset.
    Verify {
        /// The ledger: `sqlite:<file>`, `postgres://…` or `tigerbeetle://<addresses>/<cluster id>`; by default that of the
        /// backend configured by the environment.
        url: Option<LedgerPlace>,
        /// One JSON object on standard output.
        #[arg(long)]
        json: bool,
    },
    /// Show the balance of an account, now or at an instant of the past.
    ///
    /// Reads only, also while the ledger is in use. Ends with 0 when it is found, 1 when there is no such account (at
    /// that time), 3 when the ledger cannot be read. Amounts are in the smallest unit of their asset.
    Balance(BalanceOptions),
    /// Write every entry of a ledger as a line, in order.
    ///
    /// Reads only, as of one instant, also while the ledger is in use. Of a TigerBeetle cluster, every transfer is written; an
    /// entry is its timestamp there. Ends with 0 when all is written, 3 when the ledger cannot be read, 1 for any other
    /// error.
    Export(LedgerExportOptions),
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
    fn wrong_options_are_reported_in_the_users_words() {
        let message = |line: &[&str]| Cli::try_parse_from(line).unwrap_err().to_string();
        for ports in ["0", "65530", "-1", "many"] {
            assert!(
                message(&["rafiki", "dev", &format!("--ports={ports}")]).contains("first of forty ports"),
                "{ports}"
            );
        }
        assert!(message(&["rafiki", "dev", "--database", "sqlite:x"]).contains("postgres://user@host:port"));
        let pay = ["rafiki", "pay", "--from", "a", "--to", "b", "--send", "-5", "--secret", "s"];
        assert!(Cli::try_parse_from(pay).is_ok(), "the amount is judged where its currency is known");
        let with_tenant = [&pay[..], &["--admin-url", "http://h:3001", "--tenant", "x"]].concat();
        assert!(message(&with_tenant).contains("OPERATOR_TENANT_ID of the backend"));
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
