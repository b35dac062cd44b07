//! The console in a real browser: Debian's Chromium, driven by the scripts under `proof/browser`.
//!
//! The scripts contain the tests and print their own count.

use std::path::PathBuf;

use crate::command::{find, program, root, run as carry_out};
use crate::services::install;
use crate::tally::Tally;

const SKIPPED: &str =
    "SKIPPED: the console in a browser (install Node.js 20 or later and Chromium, Debian's nodejs, npm and chromium)";

/// Opens every page and does the tasks of operators.
pub(crate) fn run(tally: &mut Tally) {
    let Some(folder) = ready() else {
        tally.skip(SKIPPED);
        return;
    };
    let finished = carry_out(program("npm", &["test", "--silent"]).current_dir(&folder));
    tally.runner("the console in a browser", &finished);
}

/// Takes the pictures for the chapter about the console.
pub(crate) fn pictures() -> Result<bool, String> {
    let folder = ready().ok_or(SKIPPED)?;
    Ok(carry_out(program("npm", &["run", "--silent", "pictures"]).current_dir(&folder)).success)
}

/// The folder of the scripts, with their dependencies installed.
fn ready() -> Option<PathBuf> {
    let has = |name: &str| find(name, &[]).is_some();
    let missing: Vec<&str> = [("node", "nodejs"), ("npm", "npm"), ("chromium", "chromium")]
        .into_iter()
        .filter_map(|(name, package)| (!has(name)).then_some(package))
        .collect();
    if !missing.is_empty() && !install(&missing) {
        return None;
    }
    let folder = root().join("proof/browser");
    let packages = program("npm", &["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&folder).output();
    packages.is_ok_and(|output| output.status.success()).then_some(folder)
}
