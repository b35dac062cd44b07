//! The results: a table for people, and one line of JSON for each row.
//! Nothing is measured here.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

/// One measurement.
pub(crate) struct Row<'a> {
    pub(crate) engine: &'a str,
    pub(crate) what: &'a str,
    pub(crate) history: u64,
    pub(crate) callers: usize,
    pub(crate) elapsed: Duration,
    pub(crate) waits: Vec<Duration>,
    /// Milliseconds of processor time of both institutions, of the database server, and of this program.
    pub(crate) busy_ms: [f64; 3],
    pub(crate) memory_mb: f64,
    /// Statements and transactions of one payment, at the payer's and at the payee's institution.
    pub(crate) asked: Option<[(f64, f64); 2]>,
}

/// The common facts of all rows.
pub(crate) struct Report {
    machine: Value,
    commit: String,
}

impl Report {
    /// Prints the head of the table.
    pub(crate) fn begin() -> Self {
        println!(
            "| engine | payments | history | callers | per s | p50 ms | p95 ms | p99 ms | cpu ms | database cpu ms | \
             load cpu ms | MB | payer: statements, transactions | payee |"
        );
        println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|");
        let git = Command::new("git").args(["rev-parse", "--short", "HEAD"]).output();
        let commit = git.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
        Self { machine: machine(), commit }
    }

    #[expect(clippy::cast_precision_loss, reason = "a report, not money")]
    pub(crate) fn print(&self, mut row: Row<'_>) {
        row.waits.sort_unstable();
        let at = |percent: usize| {
            let index = (row.waits.len() * percent / 100).min(row.waits.len().saturating_sub(1));
            row.waits.get(index).copied().unwrap_or_default().as_secs_f64() * 1e3
        };

        let payments = row.waits.len() as f64;
        let per_second = payments / row.elapsed.as_secs_f64();
        let [institutions, database, load] = row.busy_ms.map(|busy| busy / payments);
        let (p50, p95, p99) = (at(50), at(95), at(99));

        let asked = row
            .asked
            .map(|asked| asked.map(|(statements, transactions)| format!("{statements:.1}, {transactions:.1}")));
        let [payer, payee] = asked.unwrap_or_default();

        let Row { engine, what, history, callers, memory_mb, .. } = row;
        println!(
            "| {engine} | {what} | {history} | {callers} | {per_second:.0} | {p50:.1} | {p95:.1} | {p99:.1} | \
             {institutions:.2} | {database:.2} | {load:.2} | {memory_mb:.0} | {payer} | {payee} |"
        );

        let line = json!({
            "bench": "payments", "engine": engine, "payments": what, "history": history, "callers": callers,
            "perSecond": per_second, "p50Ms": p50, "p95Ms": p95, "p99Ms": p99,
            "cpuMs": institutions, "databaseCpuMs": database, "loadCpuMs": load, "memoryMb": memory_mb,
            "asked": row.asked, "machine": self.machine, "commit": self.commit,
        });
        eprintln!("{line}");
    }
}

/// The processors, how many, and how busy they are with other things.
fn machine() -> Value {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let cores = processors.lines().filter(|line| line.starts_with("processor")).count();
    let load = read("/proc/loadavg");
    let load = load.split_whitespace().next().unwrap_or_default();
    json!({"processor": model.trim_start_matches([' ', '\t', ':']), "cores": cores, "loadBefore": load})
}
