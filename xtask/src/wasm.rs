//! The proof that the pure floors are pure: they build for a machine without clock, sockets or randomness.
//!
//! Not a product: nothing of it is shipped.

use crate::command::{capture, cargo, root, run};
use crate::suite::Tally;

/// Crates that reach the operating system; none may stand below the pure floors on wasm32.
const IMPURE: [&str; 8] = ["tokio", "mio", "socket2", "getrandom", "rand", "wasm-bindgen", "js-sys", "sea-orm"];

/// Builds every crate of `protocols/` and `rules/` for wasm32 and looks at what they pull in.
pub(crate) fn check(tally: &mut Tally) {
    let mut crates = Vec::new();
    for floor in ["protocols", "rules"] {
        let Ok(entries) = std::fs::read_dir(root().join(floor)) else { continue };
        crates.extend(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()));
    }
    crates.sort();
    let mut arguments = vec!["build", "--quiet", "--target", "wasm32-unknown-unknown"];
    arguments.extend(crates.iter().flat_map(|name| ["--package", name.as_str()]));
    let built = run(&mut cargo(&arguments));
    tally.check(
        "the pure floors build for wasm32",
        if built.success { Ok(()) } else { Err("see the output above".into()) },
    );
    for name in &crates {
        tally.check(&format!("{name} reaches nothing outside"), reaches_nothing(name));
    }
}

fn reaches_nothing(name: &str) -> Result<(), String> {
    let tree = capture(&mut cargo(&[
        "tree",
        "--package",
        name,
        "--target",
        "wasm32-unknown-unknown",
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{lib}",
    ]))
    .ok_or("cargo tree failed")?;
    let found: Vec<&str> =
        tree.lines().map(str::trim).filter(|line| IMPURE.contains(&line.replace('_', "-").as_str())).collect();
    if found.is_empty() { Ok(()) } else { Err(format!("{name} pulls in {}", found.join(", "))) }
}
