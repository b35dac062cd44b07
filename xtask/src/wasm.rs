//! The proof that the pure floors are pure: linked for a machine without clock, sockets or randomness, they import
//! nothing, and hold none of the parts of the standard library that only refuse there.
//!
//! The linked program is only for this check and is not shipped.

use wasmparser::{Parser, Payload};

use crate::command::{capture, cargo, root, run, variable};
use crate::tally::Tally;
use crate::toolchain::WASM as TARGET;

/// Crates that use the operating system. None may be below the pure floors on wasm32.
const IMPURE: [&str; 8] = ["tokio", "mio", "socket2", "getrandom", "rand", "wasm-bindgen", "js-sys", "sea-orm"];

/// Messages of the standard library for functions that this target does not have. They are linked only if a call is
/// possible.
const REFUSALS: [(&str, &str); 2] = [
    ("time not implemented on this platform", "reads the clock"),
    ("operation not supported on this platform", "opens a socket or a file"),
];

/// Violations that `pure-floors` can be built with. If one is not found, the check does not work.
const OFFENCES: [&str; 3] = ["offence-clock", "offence-import", "offence-socket"];

/// Builds every crate of `protocols/` and `rules/` for wasm32, links them, and checks their imports.
pub(crate) fn check(tally: &mut Tally) {
    let mut crates = Vec::new();
    for floor in ["protocols", "rules"] {
        let Ok(entries) = std::fs::read_dir(root().join(floor)) else { continue };
        crates.extend(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()));
    }

    crates.sort();
    let mut arguments = vec!["build", "--quiet", "--target", TARGET];
    arguments.extend(crates.iter().flat_map(|name| ["--package", name.as_str()]));
    let built = run(&mut cargo(&arguments));
    tally.check(
        "the pure floors build for wasm32",
        if built.success { Ok(()) } else { Err("see the output above".into()) },
    );
    for name in &crates {
        tally.check(&format!("{name} reaches nothing outside"), reaches_nothing(name));
    }

    tally.check("every pure crate is linked", links_all(&crates));
    tally.check("the linked floors import nothing", link(None).and_then(|module| require_pure(&module)));
    for offence in OFFENCES {
        let found = link(Some(offence)).and_then(|module| match require_pure(&module) {
            Ok(()) => Err("it went unnoticed".to_owned()),
            Err(_) => Ok(()),
        });
        tally.check(&format!("a seeded {offence} is noticed"), found);
    }
}

fn reaches_nothing(name: &str) -> Result<(), String> {
    let tree = tree(name)?;
    let found: Vec<&str> =
        tree.lines().map(str::trim).filter(|line| IMPURE.contains(&line.replace('_', "-").as_str())).collect();
    if found.is_empty() { Ok(()) } else { Err(format!("{name} pulls in {}", found.join(", "))) }
}

/// Whether `pure-floors` depends on each of `crates`.
fn links_all(crates: &[String]) -> Result<(), String> {
    let tree = tree("pure-floors")?;
    let linked: Vec<String> = tree.lines().map(|line| line.trim().replace('_', "-")).collect();
    let missing: Vec<&str> = crates.iter().filter(|name| !linked.contains(name)).map(String::as_str).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("proof/pure-floors leaves out {}", missing.join(", "))) }
}

/// The dependencies of a crate, one per line.
fn tree(name: &str) -> Result<String, String> {
    let format = ["--edges", "normal", "--prefix", "none", "--format", "{lib}"];
    let mut command = cargo(&["tree", "--package", name, "--target", TARGET]);
    capture(command.args(format)).ok_or_else(|| "cargo tree failed".to_owned())
}

/// The module of `pure-floors`, with or without a violation.
fn link(offence: Option<&str>) -> Result<Vec<u8>, String> {
    let mut command = cargo(&["build", "--quiet", "--target", TARGET, "--package", "pure-floors"]);
    if let Some(offence) = offence {
        command.args(["--features", offence]);
    }
    if !run(&mut command).success {
        return Err("see the output above".into());
    }
    let target = variable("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    let module = target.join(TARGET).join("debug").join("pure-floors.wasm");
    std::fs::read(&module).map_err(|error| format!("{}: {error}", module.display()))
}

/// Names the imports of a module, and the functions that it would need from a machine.
fn require_pure(module: &[u8]) -> Result<(), String> {
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.map_err(|error| format!("not a WebAssembly module: {error}"))?;
        if let Payload::ImportSection(imports) = payload {
            for import in imports.into_imports() {
                let import = import.map_err(|error| error.to_string())?;
                found.push(format!("imports {}.{}", import.module, import.name));
            }
        }
    }
    for (text, what) in REFUSALS {
        if module.windows(text.len()).any(|window| window == text.as_bytes()) {
            found.push(what.to_owned());
        }
    }
    if found.is_empty() { Ok(()) } else { Err(found.join("\n")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module with nothing but one function type.
    const EMPTY: &[u8] = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0";

    #[test]
    fn an_import_is_named_and_a_module_without_is_pure() {
        assert_eq!(require_pure(EMPTY), Ok(()));
        let importing = [EMPTY, b"\x02\x0b\x01\x03env\x03now\0\0"].concat();
        assert_eq!(require_pure(&importing), Err("imports env.now".to_owned()));
        assert!(require_pure(b"no module").is_err());
    }

    #[test]
    fn what_the_standard_library_refuses_is_named() {
        // A custom section with a text, in a module.
        for (text, what) in REFUSALS {
            let length = u8::try_from(text.len() + 2).unwrap();
            let module = [EMPTY, &[0, length, 1, b'x'], text.as_bytes()].concat();
            assert_eq!(require_pure(&module), Err(what.to_owned()));
        }
    }
}
