//! What the checks need of the Rust toolchain: the standard library for wasm32, added where it is missing.
//!
//! Not the toolchain itself: `rust-toolchain.toml` names it, but an installation from before, or one chosen by
//! `RUSTUP_TOOLCHAIN`, may lack the target that file asks for.

use std::path::Path;

use crate::command::{capture, program, run};

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

fn ensure(present: impl Fn() -> bool, add: impl FnOnce() -> bool) -> Result<(), String> {
    if present() || (add() && present()) {
        return Ok(());
    }
    Err(format!(
        "the Rust toolchain has no standard library for {WASM}; add it with `rustup target add {WASM}`, or with \
         the package of your system that holds it (Debian: libstd-rust-dev-wasm32)"
    ))
}

/// Whether the standard library for wasm32 lies where the compiler looks for it.
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
    fn where_it_cannot_be_added_the_reader_is_told_what_to_do() {
        let told = ensure(|| false, || false).unwrap_err();
        assert!(told.contains("rustup target add wasm32-unknown-unknown"), "{told}");
        assert!(ensure(|| false, || true).is_err(), "an installer that says yes and adds nothing is not believed");
    }
}
