//! `cargo xtask bench ledger`: two-phase transfers per second on every engine, side by side with the bare database
//! and the bare disk.
//!
//! It prints a table and makes no decision.

mod bare;
mod load;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use clock::{Stopwatch, SystemClock};
use ledger_bench::databases;
use ledger_bench::{Outcome, processor};
use ledger_sql::SqlLedger;
use ledger_tigerbeetle::TigerBeetleLedger;
use testkit::{PostgresServer, TigerBeetle};

use crate::bare::Disk;
use crate::load::{Figures, Load, Spread};

/// Stands before the addresses of a cluster, in place of the URL of a database.
const TIGERBEETLE: &str = "tigerbeetle:";
/// A server's own, durable defaults.
const TIGERBEETLE_SETTINGS: &[&str] = &[];

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
    /// Transfers (holds and posts counted singly) in the ledger of the second half of the rows. The first half is
    /// measured on ledgers that are empty.
    #[arg(long, default_value_t = 1_000_000)]
    history: u64,
    /// A Postgres server, by the URL of one of its databases; otherwise a cluster with default, durable settings is
    /// started.
    #[arg(long)]
    postgres: Option<String>,
    /// A TigerBeetle cluster of id 0, by its addresses; otherwise a server is started for each ledger, from a
    /// `tigerbeetle` program on the PATH.
    #[arg(long)]
    tigerbeetle: Option<String>,
    /// Folder for database files; its disk is what is measured.
    #[arg(long, default_value = "target")]
    folder: String,
    /// Verifies the ledger with history afterwards and reports how long that took.
    #[arg(long)]
    verify: bool,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let options = Options::parse();
    let folder = tempfile::tempdir_in(&options.folder)?;
    let mut table = Table { disk: Disk::new(folder.path())?, server: None, options };
    println!(
        "| engine | history | accounts | callers | pairs/s | p50 ms | p99 ms | us/commit | fsync us | cpu us/pair |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for engine in table.options.engines.clone() {
        match engine.as_str() {
            "sqlite" => sqlite(&mut table, folder.path()).await?,
            "postgres" => postgres(&mut table, folder.path()).await?,
            "tigerbeetle" => tigerbeetle(&mut table, folder.path()).await?,
            other => return Err(format!("{other:?} is no engine; use sqlite, postgres or tigerbeetle").into()),
        }
    }
    Ok(())
}

/// The rows in the order in which they are measured.
struct Table {
    disk: Disk,
    /// The process whose children also work for the measurement.
    server: Option<u32>,
    options: Options,
}

async fn sqlite(table: &mut Table, folder: &Path) -> Outcome<()> {
    let seconds = table.options.seconds;
    let mut files = 0..;
    let mut fresh = |name: &str| folder.join(format!("{name}-{}.db", files.next().unwrap_or(0)));
    table.row("sqlite, one row", 0, Spread::Hot, 1, async || bare::sqlite_row(&fresh("row"), seconds)).await?;
    for callers in table.small() {
        let bare = async || bare::sqlite(&fresh("bare"), callers, seconds).await;
        table.row("sqlite, a transaction each", 0, Spread::Hot, callers, bare).await?;
    }
    measure(table, "sqlite", async || Ok(format!("sqlite:{}", fresh("ledger").display()))).await
}

async fn postgres(table: &mut Table, folder: &Path) -> Outcome<()> {
    let seconds = table.options.seconds;
    let cluster = match &table.options.postgres {
        Some(_) => None,
        None => Some(PostgresServer::start_in(folder, &[])?),
    };
    table.server = cluster.as_ref().map(PostgresServer::process).transpose()?;
    let url = table.options.postgres.clone().or(cluster.as_ref().map(PostgresServer::url)).unwrap_or_default();
    table.row("postgres, one row", 0, Spread::Hot, 1, async || bare::postgres_row(&url, seconds).await).await?;
    for callers in table.small() {
        let bare = async || bare::postgres(&url, callers, seconds).await;
        table.row("postgres, a transaction each", 0, Spread::Hot, callers, bare).await?;
    }
    measure(table, "postgres", async || databases::new_database(&url).await).await
}

async fn tigerbeetle(table: &mut Table, folder: &Path) -> Outcome<()> {
    let (given, mut server) = (table.options.tigerbeetle.clone(), None);
    if given.is_none() && !TigerBeetle::is_installed() {
        return Ok(());
    }
    let fresh = async || {
        if given.is_none() {
            // The previous one ends first.
            drop(server.take());
            server = TigerBeetle::own_in(folder, TIGERBEETLE_SETTINGS);
        }
        let own = server.as_ref().map(TigerBeetle::addresses);
        let addresses = given.as_deref().or(own).ok_or("there is no TigerBeetle server")?;
        Ok(format!("{TIGERBEETLE}{addresses}"))
    };
    measure(table, "tigerbeetle", fresh).await
}

/// The rows of an engine; `fresh` makes a place for a new ledger.
async fn measure(table: &mut Table, engine: &str, mut fresh: impl AsyncFnMut() -> Outcome<String>) -> Outcome<()> {
    let (callers, seconds) = (table.options.callers.clone(), table.options.seconds);
    // Kept until after its row, so that the server's process for it still exists and can be measured.
    let mut load;

    for spread in [Spread::Hot, Spread::Wide] {
        for callers in &callers {
            load = open(&fresh().await?).await?;
            table.row(engine, 0, spread, *callers, async || load.run(spread, *callers, seconds).await).await?;
        }
    }

    let history = table.options.history;
    let url = fresh().await?;
    load = open(&url).await?;
    load.fill(history).await?;
    for spread in [Spread::Hot, Spread::Wide] {
        for callers in &callers {
            table.row(engine, history, spread, *callers, async || load.run(spread, *callers, seconds).await).await?;
        }
    }
    drop(load);

    if table.options.verify && !url.starts_with(TIGERBEETLE) {
        let watch = Stopwatch::start();
        let report = ledger_verify::verify(&url).await?;
        println!();
        println!("{engine}: {} entries verified in {:.1?}, sound: {}", report.entries, watch.elapsed(), report.sound);
        println!();
    }
    Ok(())
}

async fn open(url: &str) -> Outcome<Load> {
    if let Some(addresses) = url.strip_prefix(TIGERBEETLE) {
        let ledger = TigerBeetleLedger::join(0, addresses, Duration::from_mins(1)).await?;
        return Ok(Load::new(Arc::new(ledger)).await?);
    }
    Ok(Load::new(Arc::new(SqlLedger::open(url, Arc::new(SystemClock)).await?)).await?)
}

impl Table {
    /// Numbers of callers for which one transaction each makes sense.
    fn small(&self) -> Vec<usize> {
        self.options.callers.iter().copied().filter(|callers| *callers <= 32).collect()
    }

    /// Measures and shows one row, with the speed of the disk just before and after.
    async fn row(
        &mut self,
        engine: &str,
        history: u64,
        spread: Spread,
        callers: usize,
        run: impl AsyncFnOnce() -> Outcome<Figures>,
    ) -> Outcome<()> {
        let (before, busy) = (self.disk.sync_us()?, processor::busy_us(self.server)?);
        let Figures { pairs, per_second, p50, p99 } = run().await?;
        let busy = (processor::busy_us(self.server)? - busy) / pairs;
        let fsync = f64::midpoint(before, self.disk.sync_us()?);
        let accounts = spread.accounts();
        // One caller, which waits for each commit.
        let commit = if callers == 1 { format!("{:.0}", 1e6 / per_second / 2.0) } else { String::new() };
        println!(
            "| {engine} | {history} | {accounts} | {callers} | {per_second:.0} | {p50:.2} | {p99:.2} | {commit} | {fsync:.0} | {busy:.0} |"
        );
        Ok(())
    }
}
