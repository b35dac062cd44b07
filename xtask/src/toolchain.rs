//! The parts of the Rust toolchain that the checks need: the standard library for wasm32, and the oldest promised
//! release.
//!
//! `rust-toolchain.toml` names the toolchain. But an older installation, or one chosen by `RUSTUP_TOOLCHAIN`, may lack
//! the target that this file names.

use std::path::Path;

use crate::command::{capture, program, root, run};
use crate::tally::Tally;

/// The target the pure floors are built for.
pub(crate) const WASM: &str = "wasm32-unknown-unknown";

/// Adds the wasm32 target if the toolchain in use has none, and says so.
pub(crate) fn ensure_wasm() -> Result<(), String> {
    let add = || {
        println!("toolchain: `rustup target add {WASM}`, which the wasm32 checks need");
        run(&mut program("rustup", &["target", "add", WASM])).success
    };
    ensure(has_wasm, add)
}

/// How the promise of `rust-version` is checked.
#[derive(Debug, PartialEq, Eq)]
enum Oldest {
    /// The toolchain in use is that release, so every other check also checks it.
    InUse,
    /// The toolchain in use is newer, so everything is built once more with that release.
    Another(String),
}

/// Builds everything with the release named by `rust-version`, if it is installed and is not the one in use.
pub(crate) fn check_oldest(tally: &mut Tally) {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap_or_default();
    let in_use = capture(&mut program("rustc", &["--version"])).unwrap_or_default();
    match oldest(&manifest, &in_use) {
        None => tally.check("oldest Rust release", Err("Cargo.toml names no rust-version".to_owned())),
        Some(Oldest::InUse) => tally.check("oldest Rust release", Ok(())),
        Some(Oldest::Another(release)) => {
            let toolchain = format!("+{release}");
            if capture(&mut program("rustc", &[&toolchain, "--version"])).is_none() {
                tally.skip(&format!("SKIPPED: a build with Rust {release} (`rustup toolchain install {release}`)"));
                return;
            }
            let arguments = [&*toolchain, "check", "--workspace", "--quiet", "--target-dir", "target/oldest"];
            let built = run(&mut program("cargo", &arguments)).success;
            tally.check("oldest Rust release", if built { Ok(()) } else { Err("see the output above".to_owned()) });
        }
    }
}

fn oldest(manifest: &str, in_use: &str) -> Option<Oldest> {
    let promised = manifest.lines().find_map(|line| line.strip_prefix("rust-version = \""))?.trim_end_matches('"');
    let in_use = in_use.split(' ').nth(1)?;
    let same = in_use == promised || in_use.starts_with(&format!("{promised}."));
    Some(if same { Oldest::InUse } else { Oldest::Another(promised.to_owned()) })
}

fn ensure(present: impl Fn() -> bool, add: impl FnOnce() -> bool) -> Result<(), String> {
    if present() || (add() && present()) {
        return Ok(());
    }
    Err(format!(
        "the Rust toolchain has no standard library for {WASM}; add it with `rustup target add {WASM}`, or with \
         the package of your system that holds it (Debian: libstd-rust-dev-wasm32)"
    ))
}

/// Whether the standard library for wasm32 is where the compiler looks for it.
fn has_wasm() -> bool {
    let folder = capture(&mut program("rustc", &["--print", "target-libdir", "--target", WASM]));
    let Some(folder) = folder else { return false };
    let files = std::fs::read_dir(Path::new(folder.trim()));
    files.is_ok_and(|files| files.flatten().any(|file| file.file_name().to_string_lossy().starts_with("libcore-")))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_missing_target_is_added_before_it_is_needed_and_a_present_one_is_left_alone() {
        let installed = Cell::new(false);
        let add = || {
            installed.set(true);
            true
        };
        assert_eq!(ensure(|| installed.get(), add), Ok(()));
        assert_eq!(ensure(|| true, || panic!("nothing is missing")), Ok(()));
    }

    #[test]
    fn the_oldest_release_is_built_with_only_where_another_one_is_in_use() {
        let manifest = "[workspace.package]\nrust-version = \"1.95\"\n";
        assert_eq!(oldest(manifest, "rustc 1.95.0 (59807616e 2026-04-14)"), Some(Oldest::InUse));
        assert_eq!(oldest(manifest, "rustc 1.97.1 (x)"), Some(Oldest::Another("1.95".to_owned())));
        assert_eq!(oldest("", "rustc 1.95.0"), None);
    }

    #[test]
    fn where_it_cannot_be_added_the_reader_is_told_what_to_do() {
        let told = ensure(|| false, || false).unwrap_err();
        assert!(told.contains("rustup target add wasm32-unknown-unknown"), "{told}");
        assert!(ensure(|| false, || true).is_err(), "an installer that says yes and adds nothing is not believed");
    }
}
