//! Benchmarks and fuzzing: the figures are printed, and nothing is asserted.
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
        "ledger" => &["run", "--profile", "dist", "--package", "ledger-bench"],
        "payments" => {
            if !run_named(&["build", "--profile", "dist", "--package", "rafiki"], &[]) {
                return Ok(false);
            }
            &["run", "--profile", "dist", "--package", "payments-bench"]
        }
        "move" => {
            if !run_named(&["build", "--profile", "dist", "--package", "rafiki"], &[]) {
                return Ok(false);
            }
            &["run", "--profile", "dist", "--package", "moving-bench"]
        }
        "apis" => {
            // The program that is measured, and the program that measures.
            if !run_named(&["build", "--profile", "dist", "--package", "rafiki"], &[]) {
                return Ok(false);
            }
            return Ok(run_measuring("apis", rest));
        }
        "connector" => return Ok(run_measuring("connector", rest)),
        "console" => {
            // A binary that is named is measured as it is.
            let built = rest.contains(&"--binary");
            if !built && !run_named(&["build", "--profile", "dist", "--package", "rafiki"], &[]) {
                return Ok(false);
            }
            &["run", "--profile", "dist", "--package", "console-bench"]
        }
        "dev" => return crate::bench_dev::measure(),
        other => {
            return Err(format!(
                "no benchmark {other:?}; there are protocols, ledger, connector, apis, payments, move, console and dev"
            ));
        }
    };

    Ok(run_named(command, rest))
}

/// Runs a benchmark of `proof/speed`.
fn run_measuring(what: &str, rest: &[&str]) -> bool {
    let arguments: Vec<&str> = std::iter::once(what).chain(rest.iter().copied()).collect();
    run_named(&["run", "--profile", "dist", "--package", "speed"], &arguments)
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
