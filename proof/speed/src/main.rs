//! `cargo xtask bench apis` and `cargo xtask bench connector`: requests per second of the binary and packets per second
//! of the connector.
//!
//! It prints a table, and a line of JSON for each row. It makes no decision. The load runs on the same machine and
//! counts.

mod apis;
mod bare;
mod connector_bench;
mod institution;
mod load;
mod relay;
mod requests;
mod rows;
mod wire;

use clap::{Parser, Subcommand};

/// As in the binary, so that both allocate memory at the same cost.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Measures speed.
#[derive(Debug, Parser)]
struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Five requests of the APIs, beside a bare server that only answers and one that only verifies a signature.
    Apis(apis::Options),
    /// Packets through the connector, beside a bare relay.
    Connector(connector_bench::Options),
}

#[tokio::main]
async fn main() -> Outcome<()> {
    match Options::parse().what {
        What::Apis(options) => apis::run(options).await,
        What::Connector(options) => connector_bench::run(options).await,
    }
}
