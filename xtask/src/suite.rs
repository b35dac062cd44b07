//! The order of the checks.
//!
//! Each check is in a file of its own or in a tool.

use crate::command::{Finished, cargo, run};
use crate::tally::Tally;
use crate::{
    arrows, browser, circles, dependencies, deploy, differences, docs, examples, interop, newcomer, services, tidy,
    toolchain, unused, wasm,
};

/// Formatting, the floors, circles of files, dead code, dependencies, the book, clippy and the API documentation.
pub(crate) fn lint() -> bool {
    let mut tally = Tally::default();
    lints(&mut tally);
    tally.finish()
}

/// One check, by its name.
pub(crate) fn only(name: &str, check: impl FnOnce(&mut Tally)) -> bool {
    println!("== {name}");
    let mut tally = Tally::default();
    check(&mut tally);
    tally.finish()
}

/// Everything CI checks.
pub(crate) fn test() -> Result<bool, String> {
    // Checked first, so that a machine without it fails before an hour of tests.
    toolchain::ensure_wasm()?;
    let mut tally = Tally::default();
    lints(&mut tally);

    tally.part("services");
    let services = services::Services::start()?;

    tally.part("tests");
    // End-to-end tests run the built binary; nextest does not build binaries of other packages by itself.
    tally.check("the binary builds", succeeded(&run(&mut cargo(&["build", "--package", "rafiki"]))));
    let mut nextest = cargo(&[
        "nextest",
        "run",
        "--workspace",
        "--no-fail-fast",
        "--status-level",
        "fail",
        "--success-output",
        "never",
    ]);
    nextest.args(["--final-status-level", "fail"]);
    services.export(&mut nextest);
    tally.runner("nextest", &run(&mut nextest));
    if !services.tigerbeetle() {
        tally.skip("SKIPPED: TigerBeetle, conformance and end to end (put a tigerbeetle program on the PATH)");
    }

    tally.part("documentation examples");
    examples::check(&mut tally);

    tally.part("wasm32");
    wasm::check(&mut tally);

    tally.part("interop");
    interop::run(&mut tally);

    tally.part("browser");
    browser::run(&mut tally);
    Ok(tally.finish())
}

fn lints(tally: &mut Tally) {
    tally.part("lint");
    tally.check("formatting", succeeded(&run(&mut cargo(&["fmt", "--all", "--check"]))));
    tally.check("the program of the first commands", newcomer::check());
    tally.check("floors", arrows::check());
    tally.check("circles of files", circles::check());
    tally.check("unused public items", unused::check());
    tally.check("licences and releases of outside crates", dependencies::check_outside());
    dependencies::check_advisories(tally);
    tally.check("unused dependencies", dependencies::check_unused());
    tally.check("tidiness", tidy::check());
    tally.check("differences", differences::check());
    docs::check(tally);
    deploy::check(tally);
    let clippy = run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"]));
    tally.check("clippy", succeeded(&clippy));
    toolchain::check_oldest(tally);
    let mut doc = cargo(&["doc", "--workspace", "--no-deps", "--quiet"]);
    tally.check("documentation without warnings", succeeded(&run(doc.env("RUSTDOCFLAGS", "--deny warnings"))));
}

fn succeeded(finished: &Finished) -> Result<(), String> {
    if finished.success { Ok(()) } else { Err("see the output above".to_owned()) }
}
