//! `cargo xtask bench payments`: payments per second and what each costs, remote and local, on every engine, beside what
//! the database does bare.
//!
//! It prints a table, and a line of JSON per row to standard error. It makes no decision.

mod bare;
mod processes;
mod report;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Parser;
use clock::Stopwatch;
use payments_bench::{Entity, Institutions, Outcome, Payer, StatementLog, Storage, Way};
use testkit::{PostgresServer, TigerBeetle};

use crate::report::{Report, Row};

/// Payments made one after the other, to count the statements and transactions of each.
const COUNTED: u32 = 20;
/// Payments made before anything is measured.
const WARM_UP: u64 = 50;

/// Measures payments.
#[derive(Debug, Parser)]
struct Options {
    /// Engines to measure: sqlite, postgres, tigerbeetle.
    #[arg(long, value_delimiter = ',', default_value = "sqlite,postgres,tigerbeetle")]
    engines: Vec<String>,
    /// Payments to measure: remote, local.
    #[arg(long, value_delimiter = ',', default_value = "remote,local")]
    ways: Vec<String>,
    /// Payers at once.
    #[arg(long, value_delimiter = ',', default_value = "1,8,32,128")]
    callers: Vec<usize>,
    /// Seconds per row.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Payments made before the second half of the rows; 0 leaves that half out.
    #[arg(long, default_value_t = 100_000)]
    history: u64,
    /// The program that is measured.
    #[arg(long, default_value = "target/dist/rafiki")]
    binary: PathBuf,
    /// A Redis server for what processes of an institution decide together.
    #[arg(long)]
    redis: Option<String>,
    /// Folder for all files; its disk is what is measured.
    #[arg(long, default_value = "target")]
    folder: PathBuf,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let options = Options::parse();
    let report = Report::begin();
    for engine in &options.engines {
        match engine.as_str() {
            "sqlite" | "postgres" => {}
            "tigerbeetle" if TigerBeetle::is_installed() => {}
            "tigerbeetle" => continue,
            other => return Err(format!("{other:?} is no engine; use sqlite, postgres or tigerbeetle").into()),
        }
        Bench::start(&options, &report, engine).await?.run().await?;
    }
    Ok(())
}

/// The institutions on one engine, and everything they need.
struct Bench<'o> {
    options: &'o Options,
    report: &'o Report,
    engine: &'o str,
    institutions: Institutions,
    entity: Entity,
    server: Option<PostgresServer>,
    _clusters: Vec<TigerBeetle>,
    folder: tempfile::TempDir,
}

impl<'o> Bench<'o> {
    async fn start(options: &'o Options, report: &'o Report, engine: &'o str) -> Outcome<Self> {
        let folder = tempfile::tempdir_in(options.folder.canonicalize()?)?;
        let mut server = None;
        let mut clusters = Vec::new();
        let storage = match engine {
            "postgres" => {
                let started = PostgresServer::start_in(folder.path(), &["max_connections=300"])?;
                let url = started.url();
                server = Some(started);
                Storage::Postgres(url)
            }
            "tigerbeetle" => {
                let own = || TigerBeetle::own_in(folder.path(), &[]).ok_or("no TigerBeetle");
                clusters = vec![own()?, own()?];
                Storage::TigerBeetle([clusters[0].addresses().to_owned(), clusters[1].addresses().to_owned()])
            }
            _ => Storage::Sqlite,
        };
        let entity = Entity::start().await?;
        let redis = options.redis.as_deref();
        let institutions = Institutions::start(&options.binary, folder.path(), &storage, redis, entity.url())?;
        entity.serve(&institutions)?;
        Ok(Self { options, report, engine, institutions, entity, server, _clusters: clusters, folder })
    }

    async fn run(&self) -> Outcome<()> {
        for callers in &self.options.callers {
            self.bare(*callers).await?;
        }

        let ways = self.options.ways.iter().map(|name| match name.as_str() {
            "remote" => Ok(("remote", Way::Remote)),
            "local" => Ok(("local", Way::Local)),
            other => Err(format!("{other:?} are no payments; use remote or local")),
        });
        let ways = ways.collect::<Result<Vec<_>, _>>()?;

        for history in [0, self.options.history] {
            for (name, way) in &ways {
                let payer = Payer::new(&self.institutions, &self.entity, *way).await?;
                let ahead = if history == 0 { WARM_UP } else { history / ways.len() as u64 };
                pay(&payer, 32, Until::Made(ahead)).await?;
                let asked = self.asked(&payer).await?;
                for callers in &self.options.callers {
                    self.measure(name, &payer, history, *callers, asked).await?;
                }
            }
            if self.options.history == 0 {
                break;
            }
        }
        Ok(())
    }

    async fn measure(
        &self,
        what: &str,
        payer: &Payer,
        history: u64,
        callers: usize,
        asked: Option<[(f64, f64); 2]>,
    ) -> Outcome<()> {
        let processes = self.institutions.process_ids();
        let busy = || {
            let server = self.server.as_ref().and_then(|server| server.process().ok());
            let database = server.map_or(0.0, processes::children_busy_ms);
            [processes::busy_ms(&processes), database, processes::busy_ms(&[std::process::id()])]
        };

        let (before, watch) = (busy(), Stopwatch::start());
        let waits = pay(payer, callers, Until::Passed(Duration::from_secs(self.options.seconds))).await?;
        let (after, elapsed) = (busy(), watch.elapsed());

        self.report.print(Row {
            engine: self.engine,
            what,
            history,
            callers,
            elapsed,
            waits,
            busy_ms: std::array::from_fn(|index| after[index] - before[index]),
            memory_mb: processes::resident_megabytes(&processes),
            asked,
        });
        Ok(())
    }

    /// One durable row a payment and nothing else, on the same disk.
    async fn bare(&self, callers: usize) -> Outcome<()> {
        let limit = Duration::from_secs(self.options.seconds.min(5));
        let (busy, watch) = (processes::busy_ms(&[std::process::id()]), Stopwatch::start());
        let waits = match &self.server {
            Some(server) => bare::postgres(&server.url(), callers, limit).await?,
            None => bare::sqlite(self.folder.path(), callers, limit).await?,
        };
        let busy = processes::busy_ms(&[std::process::id()]) - busy;
        self.report.print(Row {
            engine: self.engine,
            what: "bare: one row",
            history: 0,
            callers,
            elapsed: watch.elapsed(),
            waits,
            busy_ms: [0.0, 0.0, busy],
            memory_mb: 0.0,
            asked: None,
        });
        Ok(())
    }

    /// Statements and transactions of one payment in both backends' databases, by the server's own log.
    async fn asked(&self, payer: &Payer) -> Outcome<Option<[(f64, f64); 2]>> {
        let Some(server) = &self.server else { return Ok(None) };
        let log = StatementLog::start(server).await?;
        for _ in 0..COUNTED {
            payer.pay().await?;
        }
        let counted = log.stop().await?;
        let each = |which: usize| {
            let found = counted.get(&self.institutions.backend_database(which)).cloned().unwrap_or_default();
            found.per_payment(COUNTED)
        };
        Ok(Some([each(0), each(1)]))
    }
}

/// When payers stop.
#[derive(Clone, Copy)]
enum Until {
    /// After this number of payments.
    Made(u64),
    /// After this time.
    Passed(Duration),
}

/// Many concurrent payers. Returns the duration of each payment.
async fn pay(payer: &Payer, callers: usize, until: Until) -> Outcome<Vec<Duration>> {
    let (begun, watch) = (Arc::new(AtomicU64::new(0)), Stopwatch::start());
    let payers: Vec<_> = (0..callers)
        .map(|_| {
            let (payer, begun) = (payer.clone(), Arc::clone(&begun));
            tokio::spawn(async move {
                let mut waits = Vec::new();
                loop {
                    let number = begun.fetch_add(1, Ordering::Relaxed);
                    let goes_on = match until {
                        Until::Made(count) => number < count,
                        Until::Passed(limit) => watch.elapsed() < limit,
                    };
                    if !goes_on {
                        return Outcome::Ok(waits);
                    }

                    let started = watch.elapsed();
                    payer.pay().await?;
                    waits.push(watch.elapsed().saturating_sub(started));
                }
            })
        })
        .collect();

    let mut waits = Vec::new();
    for payer in payers {
        waits.extend(payer.await??);
    }
    Ok(waits)
}
