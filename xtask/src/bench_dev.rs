//! The costs of an idle development process: time until ready, memory, processor time.
//!
//! The figures are for the README. The figures of an empty process stand beside them, so a slow machine is visible.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::command::{cargo, root, run};

const IDLE: Duration = Duration::from_secs(20);
/// Linux counts processor time in hundredths of a second on all machines used for this.
const TICKS_PER_SECOND: f64 = 100.0;

/// Measures a fresh start, a second start, and twenty idle seconds.
pub(crate) fn measure() -> Result<bool, String> {
    if !run(&mut cargo(&["build", "--profile", "dist", "--package", "rafiki"])).success {
        return Ok(false);
    }
    let binary = root().join("target/dist/rafiki");
    let data = std::env::temp_dir().join(format!("rafiki-bench-{}", std::process::id()));
    let failed = |what: &str| format!("{what}; is `rafiki dev` in order?");

    let empty = Instant::now();
    Command::new(&binary).arg("--version").output().map_err(|error| error.to_string())?;
    println!("empty process (--version):   {:>8.1} ms", millis(empty.elapsed()));

    for (what, settle) in [("first start, seeding:       ", false), ("second start, seeded:       ", true)] {
        let (mut child, ready) = start(&binary, &data).ok_or_else(|| failed("it did not become ready"))?;
        println!("{what} {:>8.1} ms until ready", millis(ready));
        if settle {
            let cpu_before = cpu_seconds(child.id());
            std::thread::sleep(IDLE);
            let cpu = cpu_seconds(child.id()) - cpu_before;
            println!("idle resident memory:        {:>8.1} MB", resident_megabytes(child.id()));
            println!("idle processor time:         {:>8.2} %", 100.0 * cpu / IDLE.as_secs_f64());
        }
        let stopping = Instant::now();
        let _ = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        let status = child.wait().map_err(|error| error.to_string())?;
        println!("stop:                        {:>8.1} ms, {status}", millis(stopping.elapsed()));
    }
    let _ = std::fs::remove_dir_all(&data);
    Ok(true)
}

fn start(binary: &std::path::Path, data: &std::path::Path) -> Option<(Child, Duration)> {
    let begun = Instant::now();
    let mut child = Command::new(binary)
        .args(["dev", "--ports", "21000", "--data-dir"])
        .arg(data)
        .env("LOG_LEVEL", "error")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut lines = BufReader::new(child.stdout.take()?).lines();
    let ready = lines.by_ref().map_while(Result::ok).any(|line| line.trim() == "ready");
    let took = begun.elapsed();
    std::thread::spawn(move || lines.for_each(drop));
    if ready { Some((child, took)) } else { None }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn resident_megabytes(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kilobytes =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kilobytes.unwrap_or(f64::NAN) / 1024.0
}

fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The fields after the command name, which may contain blanks and brackets.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / TICKS_PER_SECOND
}
