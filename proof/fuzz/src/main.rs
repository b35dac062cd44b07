//! Sends seeded random and damaged input to every parser of external data, for a given time.
//!
//! It does not need a nightly compiler. A failure prints the seed and the number of the case. With them it can be
//! repeated: `cargo run --package fuzz -- packet --seed 7 --case 1234`.

mod corpus;
mod material;
mod targets;

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use clock::Stopwatch;

use crate::material::Material;
use crate::targets::TARGETS;

/// Runs fuzz targets.
#[derive(Parser)]
struct Arguments {
    /// The target, or `all`.
    target: String,
    /// How long each target runs.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Where the random input starts.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Runs this one case only.
    #[arg(long)]
    case: Option<u64>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let chosen: Vec<_> =
        TARGETS.iter().filter(|(name, _)| arguments.target == "all" || arguments.target == *name).collect();
    if chosen.is_empty() {
        let names: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
        return report(&format!("no target {:?}; there are all, {}", arguments.target, names.join(", ")), false);
    }
    let (mut passed, mut failed) = (0, 0);
    for (name, target) in chosen {
        match run(&arguments, *target) {
            Ok(cases) => {
                passed += 1;
                report(&format!("{name}: {cases} cases"), true);
            }
            Err(case) => {
                failed += 1;
                report(&format!("{name}: FAILED; repeat with {name} --seed {} --case {case}", arguments.seed), false);
            }
        }
    }
    report(&format!("{passed} passed, {failed} failed"), failed == 0)
}

/// Returns the number of cases run, or the case that failed.
fn run(arguments: &Arguments, target: fn(&mut Material)) -> Result<u64, u64> {
    let attempt = |case| {
        let mut material = Material::new(arguments.seed, case);
        catch_unwind(AssertUnwindSafe(|| target(&mut material))).map_err(|_| case)
    };
    if let Some(case) = arguments.case {
        return attempt(case).map(|()| 1);
    }
    let watch = Stopwatch::start();
    let limit = Duration::from_secs(arguments.seconds);
    for case in 0.. {
        // The clock is read only now and then, because reading it takes time.
        if case % 64 == 0 && watch.elapsed() >= limit {
            return Ok(case);
        }
        attempt(case)?;
    }
    Ok(0)
}

fn report(line: &str, success: bool) -> ExitCode {
    // A closed output is no reason to stop fuzzing.
    let _ = writeln!(std::io::stdout(), "{line}");
    if success { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_stands_a_moment() {
        for (name, target) in TARGETS {
            for case in 0..200 {
                let attempt = catch_unwind(|| target(&mut Material::new(1, case)));
                assert!(attempt.is_ok(), "{name} --seed 1 --case {case}");
            }
        }
    }
}
