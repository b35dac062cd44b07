//! The published packages, in JavaScript and Python, run against our crates and our binary.
//!
//! Their own tests are not run. Each script under `proof/interop` is ours and prints its own count.

use crate::command::{capture, cargo, find, program, root};
use crate::services::install;
use crate::tally::Tally;

/// Installs each suite's pinned packages and runs it.
pub(crate) fn run(tally: &mut Tally) {
    let folder = root().join("proof/interop");
    let mut suites: Vec<_> = std::fs::read_dir(&folder)
        .map(|entries| entries.flatten().map(|e| e.path()).filter(|p| p.join("package.json").is_file()).collect())
        .unwrap_or_default();
    suites.sort();
    if suites.is_empty() {
        tally.check("interop suites are present", Err("proof/interop holds no suite".into()));
        return;
    }

    if find("node", &[]).is_none() && !install(&["nodejs", "npm"]) {
        tally.check("node is installed", Err("install Node.js 20 or later".into()));
        return;
    }
    let peers = crate::command::run(&mut cargo(&["build", "--quiet", "--package", "interop"]));
    tally.check("the interop peer builds", if peers.success { Ok(()) } else { Err("see the output above".into()) });

    for suite in suites {
        let name = suite.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if suite.join("requirements.txt").is_file() && !ensure_python() {
            tally.skip(&format!("SKIPPED: interop {name} (install Python 3.10 or later with its module venv)"));
            continue;
        }
        if name == "glewlwyd" && !has_glewlwyd() {
            tally.skip(&format!("SKIPPED: interop {name} (install the Debian packages glewlwyd and sqlite3)"));
            continue;
        }
        let installed = crate::command::run(
            program("npm", &["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&suite),
        );
        if !installed.success {
            tally.check(&format!("{name}: npm ci"), Err("the pinned packages could not be installed".into()));
            continue;
        }
        let finished = crate::command::run(program("npm", &["test", "--silent"]).current_dir(&suite));
        tally.runner(&format!("interop {name}"), &finished);
    }
}

/// Whether the provider of OAuth 2.0 is there that Debian ships. It is not installed by this program: its package cannot be
/// set up on every machine, and a package that is set up by half stops the installation of all others.
fn has_glewlwyd() -> bool {
    ["glewlwyd", "sqlite3"].iter().all(|name| find(name, &[]).is_some())
}

/// Whether Python can make a virtual environment. Debian has this function in a separate package.
fn ensure_python() -> bool {
    let is_fit = || {
        let question = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))";
        capture(&mut program("python3", &["-c", question])).is_some()
    };
    is_fit() || (install(&["python3", "python3-venv"]) && is_fit())
}
