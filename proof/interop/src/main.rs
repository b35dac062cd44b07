//! A peer over real HTTP for the published JavaScript packages: our receiver, or our sender.
//!
//! It is not a connector: it has no accounts and no ledger, and accepts every packet.

mod pay;
mod serve;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

/// Why a run did not succeed.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What to be.
#[derive(Parser)]
enum Command {
    /// Receives; prints the port it listens on.
    Serve(serve::Options),
    /// Quotes and pays; prints the outcome.
    Pay(pay::Options),
}

#[tokio::main]
async fn main() -> ExitCode {
    // It is the only compiled provider, and it is installed only once.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let outcome = match Command::parse() {
        Command::Serve(options) => serve::run(options).await,
        Command::Pay(options) => pay::run(options).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

pub(crate) fn print_line(line: &str) {
    let mut output = std::io::stdout();
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}
