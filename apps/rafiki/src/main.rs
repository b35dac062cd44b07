//! The binary: every role, and the commands around them.
//!
//! The engines are chosen here, and the parts are put together. Nothing is decided about payments.

mod admin;
mod asked;
mod backup;
mod cli;
mod cluster_report;
mod config_check;
mod config_reading;
mod conformance_run;
mod demo;
mod dev;
mod doctor;
mod events;
mod export;
mod failure;
mod import;
mod known_options;
mod ledger_place;
mod ledger_reading;
mod migrate;
mod moving_options;
mod output;
mod pay;
mod peer;
mod places;
mod private_file;
mod role_name;
mod roles;
mod service_client;
mod shadow;
mod shadow_place;
mod shell;
mod signatures;
mod tap;
mod terminal;
mod test_clock;
mod testnet;
mod trace;
mod verification;

use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};

use crate::cli::{Cli, Command, ConfigCommand, LedgerCommand};
use crate::failure::Failure;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let (cli, operation) = parse();
    let threads = cli.command.worker_threads();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(run(cli.command, operation));
            // Tasks that still run were asked to stop and had time for it.
            runtime.shutdown_timeout(std::time::Duration::from_millis(200));
            result
        }
        Err(error) => Err(Failure::start("the runtime", error)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("rafiki: {failure}");
            failure.exit_code()
        }
    }
}

/// The command line, and the operation of `rafiki admin` if one is named. The operations are read from the schema only
/// where they may be meant.
fn parse() -> (Cli, Option<(String, ArgMatches)>) {
    let mut whole = Cli::command();
    if std::env::args_os().nth(1).is_some_and(|word| word == "admin" || word == "help") {
        whole = admin::operations::with_operations(whole);
    }
    let matches = whole.get_matches();
    let named = matches.subcommand_matches("admin").and_then(ArgMatches::subcommand);
    let operation = named.map(|(name, given)| (name.to_owned(), given.clone()));
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    (cli, operation)
}

async fn run(command: Command, operation: Option<(String, ArgMatches)>) -> Result<(), Failure> {
    match command {
        Command::Dev(options) => dev::run(options).await,
        Command::Pay(options) => pay::run(*options).await,
        Command::Admin(options) => admin::run(*options, operation).await,
        Command::Peer(options) => peer::run(*options).await,
        Command::Payment(options) => pay::look_up(*options).await,
        Command::Demo(options) => demo::run(options).await,
        Command::Backend => roles::run_backend().await,
        Command::Auth => roles::run_auth().await,
        Command::Wallet => roles::run_wallet().await,
        Command::CardService => roles::run_card_service().await,
        Command::PointOfSale => roles::run_point_of_sale().await,
        Command::Console => roles::run_console().await,
        Command::Rates => roles::run_rates().await,
        Command::Shop => roles::run_shop().await,
        Command::Tap(options) => tap::run(*options).await,
        Command::Terminal(options) => terminal::run(options).await,
        Command::ServiceClient(options) => service_client::run(&options),
        Command::Migrate(options) => migrate::run(&options).await,
        Command::Backup(options) => backup::run(&options).await,
        Command::Restore(options) => backup::restore(&options).await,
        Command::Import(options) => import::run(*options).await,
        Command::Export(options) => export::run(*options).await,
        Command::Shadow(options) => shadow::run(options).await,
        Command::Sign(options) => signatures::sign(&options),
        Command::Verify(options) => signatures::verify(&options),
        Command::Events(options) => events::run(options).await,
        Command::Listen(options) => events::listen(*options).await,
        Command::Trigger(options) => events::trigger(*options).await,
        Command::Testnet(options) => testnet::run(options).await,
        Command::Clock(options) => test_clock::run(options).await,
        Command::Trace(options) => trace::run(*options).await,
        Command::Conformance(options) => conformance_run::run(*options).await,
        Command::Completions { shell } => {
            shell::completions(shell);
            Ok(())
        }
        Command::Man { folder } => shell::manual(&folder),
        Command::Doctor(options) => doctor::run(&options).await,
        Command::Config(options) => match options.command {
            ConfigCommand::Check(check) => config_check::run(&check).await,
            ConfigCommand::Show(show) => config_reading::show(&show),
            ConfigCommand::Explain(explain) => config_reading::explain(&explain),
        },
        Command::Ledger(options) => match options.command {
            LedgerCommand::Verify { url, json } => verification::run(url, json).await,
            LedgerCommand::Balance(balance) => ledger_reading::balance(&balance).await,
            LedgerCommand::Export(export) => ledger_reading::export(&export).await,
        },
    }
}
