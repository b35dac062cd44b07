//! `cargo xtask bench ledger`: two-phase transfers per second on every engine, side by side with the bare database
//! and the bare disk.
//!
//! Prints a table; decides nothing.

mod bare;
mod cluster;
mod load;

use std::path::Path;
use std::sync::Arc;

use clap::Parser;
use clock::{Stopwatch, SystemClock};
use ledger::Ledger;
use ledger_sql::SqlLedger;

use crate::cluster::Cluster;
use crate::load::{Figures, Load, Spread};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Measures the ledger.
#[derive(Debug, Parser)]
struct Options {
    /// Engines to measure.
    #[arg(long, value_delimiter = ',', default_value = "sqlite,postgres")]
    engines: Vec<String>,
    /// Callers at once.
    #[arg(long, value_delimiter = ',', default_value = "1,32,512")]
    callers: Vec<usize>,
    /// Seconds per measurement.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Transfers (holds and posts counted singly) in the ledger before the second round of measurements.
    #[arg(long, default_value_t = 1_000_000)]
    history: u64,
    /// A Postgres server's database to use; otherwise a cluster with default, durable settings is started.
    #[arg(long)]
    postgres: Option<String>,
    /// Folder for database files; its disk is what is measured.
    #[arg(long, default_value = "target")]
    folder: String,
    /// Verifies the ledger afterwards and tells how long that took.
    #[arg(long)]
    verify: bool,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let options = Options::parse();
    let folder = tempfile::tempdir_in(&options.folder)?;
    let fsync = bare::disk(folder.path(), options.seconds)?;
    println!("disk: {fsync:.0} durable commits (4 KiB append and fdatasync) per second, {:.0} us each", 1e6 / fsync);
    println!();
    println!("| engine | history | accounts | callers | pairs/s | p50 ms | p99 ms |");
    println!("|---|---|---|---|---|---|---|");
    for engine in &options.engines {
        match engine.as_str() {
            "sqlite" => sqlite(&options, folder.path()).await?,
            "postgres" => postgres(&options, folder.path()).await?,
            other => return Err(format!("{other:?} is no engine; use sqlite or postgres").into()),
        }
    }
    Ok(())
}

async fn sqlite(options: &Options, folder: &Path) -> Outcome<()> {
    for callers in options.callers.iter().copied().filter(|callers| *callers <= 32) {
        let path = folder.join(format!("bare-{callers}.db"));
        show(
            "sqlite, a transaction each",
            0,
            Spread::Hot,
            callers,
            &bare::sqlite(&path, callers, options.seconds).await?,
        );
    }
    measure(options, "sqlite", &format!("sqlite:{}", folder.join("ledger.db").display())).await
}

async fn postgres(options: &Options, folder: &Path) -> Outcome<()> {
    let cluster = match &options.postgres {
        Some(_) => None,
        None => Some(Cluster::start(folder)?),
    };
    let url = options.postgres.clone().or(cluster.as_ref().map(Cluster::url)).unwrap_or_default();
    for callers in options.callers.iter().copied().filter(|callers| *callers <= 32) {
        show(
            "postgres, a transaction each",
            0,
            Spread::Hot,
            callers,
            &bare::postgres(&url, callers, options.seconds).await?,
        );
    }
    measure(options, "postgres", &url).await
}

async fn measure(options: &Options, engine: &str, url: &str) -> Outcome<()> {
    let ledger: Arc<dyn Ledger> = Arc::new(SqlLedger::open(url, Arc::new(SystemClock)).await?);
    let mut load = Load::new(Arc::clone(&ledger)).await?;
    for history in [0, options.history] {
        load.fill(history).await?;
        for spread in [Spread::Hot, Spread::Wide] {
            for callers in &options.callers {
                let figures = load.run(spread, *callers, options.seconds).await?;
                show(engine, history, spread, *callers, &figures);
            }
        }
    }
    drop(load);
    drop(ledger);
    if options.verify {
        let watch = Stopwatch::start();
        let report = ledger_verify::verify(url).await?;
        println!();
        println!("{engine}: {} entries verified in {:.1?}, sound: {}", report.entries, watch.elapsed(), report.sound);
        println!();
    }
    Ok(())
}

fn show(engine: &str, history: u64, spread: Spread, callers: usize, figures: &Figures) {
    let Figures { per_second, p50, p99 } = figures;
    let accounts = spread.accounts();
    println!("| {engine} | {history} | {accounts} | {callers} | {per_second:.0} | {p50:.2} | {p99:.2} |");
}
