//! Benchmarks and fuzzing: figures are printed, never asserted.
//!
//! Each runs beside a bare baseline in the same process, so a slow machine slows both.

use crate::command::cargo;
use crate::tally::Tally;

/// Runs one named benchmark.
pub(crate) fn run_named(command: &[&str], rest: &[&str]) -> bool {
    let mut cargo = cargo(command);
    if !rest.is_empty() {
        cargo.arg("--").args(rest);
    }
    crate::command::run(&mut cargo).success
}

/// `cargo xtask bench <name>`.
pub(crate) fn run(name: &str, rest: &[&str]) -> Result<bool, String> {
    let command: &[&str] = match name {
        "protocols" => &["bench", "--package", "ilp-packet", "--package", "stream", "--package", "stream-pay"],
        "ledger" => &["run", "--release", "--package", "ledger-bench"],
        "payments" => {
            if !crate::command::run(&mut cargo(&["build", "--release", "--package", "rafiki"])).success {
                return Ok(false);
            }
            &["run", "--release", "--package", "payments-bench"]
        }
        "dev" => return crate::bench_dev::measure(),
        other => return Err(format!("no benchmark {other:?}; there are protocols, ledger, payments and dev")),
    };
    Ok(run_named(command, rest))
}

/// Runs every fuzz target for `seconds`.
pub(crate) fn fuzz(tally: &mut Tally, seconds: u32) {
    let finished = crate::command::run(&mut cargo(&[
        "run",
        "--release",
        "--package",
        "fuzz",
        "--",
        "all",
        "--seconds",
        &seconds.to_string(),
    ]));
    tally.runner("fuzz", &finished);
}
