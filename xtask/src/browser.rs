//! The console in a real browser: Debian's Chromium, driven by the scripts under `proof/browser`.
//!
//! The scripts contain the tests and print their own count.

use std::path::PathBuf;

use crate::command::{find, program, root, run as carry_out};
use crate::services::install;
use crate::tally::Tally;

/// The oldest release of Node.js with which the driver of the browser works.
const OLDEST_NODE: u32 = 20;

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

/// Takes the pictures for the chapters about the console and the wallet.
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
    if node_release()? < OLDEST_NODE {
        return None;
    }
    let folder = root().join("proof/browser");
    let packages = program("npm", &["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&folder).output();
    packages.is_ok_and(|output| output.status.success()).then_some(folder)
}

/// The release of the installed Node.js, which calls itself `v20.1.0`.
fn node_release() -> Option<u32> {
    let output = program("node", &["--version"]).output().ok()?;
    release(&String::from_utf8(output.stdout).ok()?)
}

fn release(text: &str) -> Option<u32> {
    text.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_release_is_the_first_number() {
        assert_eq!(super::release("v20.20.2\n"), Some(20));
        assert_eq!(super::release("node"), None);
    }
}
