//! Rows: a table for people, and below it a line of JSON for each, with the machine and the commit.
//! Nothing is measured here.

use std::process::Command;

use serde_json::{Value, json};

use crate::Outcome;
use crate::load::Figures;

/// One measurement.
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) engine: String,
    pub(crate) connections: usize,
    pub(crate) figures: Figures,
    /// Microseconds of processor time of each request: of what is measured, of its database, of the load.
    pub(crate) processor: [f64; 3],
    /// Transactions of Postgres for each request.
    pub(crate) transactions: f64,
}

/// The rows of one benchmark as they come.
pub(crate) struct Rows {
    bench: &'static str,
    machine: Value,
    commit: String,
    lines: Vec<String>,
}

impl Rows {
    pub(crate) fn begin(bench: &'static str) -> Self {
        println!(
            "| what | engine | connections | per second | p50 ms | p95 ms | p99 ms | cpu us: served | database | load | commits |"
        );
        println!("|---|---|---|---|---|---|---|---|---|---|---|");
        Self { bench, machine: machine(), commit: commit(), lines: Vec::new() }
    }

    pub(crate) fn add(&mut self, row: &Row) {
        let Row { what, engine, connections, figures, processor: [served, database, load], transactions } = row;
        let Figures { per_second, p50, p95, p99, .. } = figures;
        println!(
            "| {what} | {engine} | {connections} | {per_second:.0} | {p50:.2} | {p95:.2} | {p99:.2} | {served:.0} | {database:.0} | {load:.0} | {transactions:.2} |"
        );
        let line = json!({
            "bench": self.bench, "what": what, "engine": engine, "connections": connections,
            "per_second": per_second, "p50_ms": p50, "p95_ms": p95, "p99_ms": p99,
            "cpu_us": {"served": served, "database": database, "load": load}, "commits": transactions,
            "machine": self.machine, "commit": self.commit,
        });
        self.lines.push(line.to_string());
    }

    pub(crate) fn end(self) {
        println!();
        for line in self.lines {
            println!("{line}");
        }
    }
}

fn machine() -> Value {
    let of = |file: &str, name: &str| -> Outcome<String> {
        let text = std::fs::read_to_string(file)?;
        let line = text.lines().find(|line| line.starts_with(name)).ok_or("no such line")?;
        Ok(line.split_once(':').map_or("", |(_, value)| value.trim()).to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let processor = of("/proc/cpuinfo", "model name").unwrap_or_default();
    json!({"processor": processor, "cores": cores, "memory": of("/proc/meminfo", "MemTotal").unwrap_or_default()})
}

fn commit() -> String {
    let told = Command::new("git").args(["describe", "--always", "--dirty"]).output();
    told.map(|told| String::from_utf8_lossy(&told.stdout).trim().to_owned()).unwrap_or_default()
}
