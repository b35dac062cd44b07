//! The build that is shipped, made so that the same sources give the same octets wherever the folder is.
//! docs/building.md says how to compare two builds.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{capture, cargo, find, program, root, run, variable};

const BUILD: [&str; 6] = ["build", "--locked", "--profile", "dist", "--package", "rafiki"];

/// What goes between flags in CARGO_ENCODED_RUSTFLAGS.
const BETWEEN: &str = "\x1f";

/// Builds the binary. With `auditable`, the list of its crates is put into it by `cargo auditable`.
pub(crate) fn build(auditable: Auditable) -> Result<bool, String> {
    if auditable == Auditable::Yes && find("cargo-auditable", &[]).is_none() {
        return Err("cargo-auditable is missing; `cargo install cargo-auditable`".to_owned());
    }
    let arguments: &[&str] = match auditable {
        Auditable::Yes => &["auditable", "build", "--locked", "--profile", "dist", "--package", "rafiki"],
        Auditable::No => &BUILD,
    };
    Ok(run(&mut build_in(&root(), arguments)).success)
}

/// The build of the sources in `folder`.
fn build_in(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = cargo(arguments);
    command.current_dir(folder).envs(settings(folder, &home("CARGO_HOME", ".cargo")));
    command.env_remove("RUSTFLAGS").env("CARGO_INCREMENTAL", "0");
    command
}

/// Builds the binary here and from a copy of the sources in another folder, and compares both. The copy is removed if they
/// are the same.
pub(crate) fn build_twice() -> Result<bool, String> {
    if !build(Auditable::No)? {
        return Ok(false);
    }
    let again = root().join("target/again/in-another-folder");
    copy_sources(&again)?;
    let mut command = build_in(&again, &BUILD);
    command.env("CARGO_TARGET_DIR", again.join("target"));
    if !run(&mut command).success {
        return Ok(false);
    }
    let [one, other] = [root(), again.clone()].map(|folder| folder.join("target/dist/rafiki"));
    if let Some(at) = first_difference(&read(&one)?, &read(&other)?) {
        println!("not the same: {} and {} differ from octet {at} on", one.display(), other.display());
        return Ok(false);
    }
    println!("the same octets in both folders: {}", one.display());
    fs::remove_dir_all(&again).map_err(|error| format!("{}: {error}", again.display()))?;
    Ok(true)
}

/// Copies the files that git knows, as they are now.
fn copy_sources(to: &Path) -> Result<(), String> {
    let known = capture(&mut program("git", &["ls-files", "-z"])).ok_or("git does not tell which files there are")?;
    let copied = |name: &str| -> std::io::Result<()> {
        let (from, to) = (root().join(name), to.join(name));
        match to.parent() {
            Some(folder) if from.is_file() => {
                fs::create_dir_all(folder)?;
                fs::copy(&from, &to).map(drop)
            }
            _ => Ok(()),
        }
    };
    for name in known.split('\0').filter(|name| !name.is_empty()) {
        copied(name).map_err(|error| format!("{name}: {error}"))?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The place of the first octet that differs; `None` if there is none.
fn first_difference(one: &[u8], other: &[u8]) -> Option<usize> {
    let common = one.iter().zip(other).position(|(one, other)| one != other);
    common.or_else(|| (one.len() != other.len()).then(|| one.len().min(other.len())))
}

/// Whether the binary carries the list of its crates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Auditable {
    Yes,
    No,
}

/// Prints the settings, for a build by other means.
pub(crate) fn print_settings() -> bool {
    for (name, value) in settings(&root(), &home("CARGO_HOME", ".cargo")) {
        println!("{name}={}", value.replace(BETWEEN, " "));
    }
    true
}

/// The variables that take this machine's folders out of the binary. Cargo leaves `--remap-path-prefix` out of the hashes
/// in names of symbols, so these flags do not make builds differ themselves.
fn settings(root: &Path, cargo_home: &Path) -> [(&'static str, String); 3] {
    let folders = [(root, "/source"), (cargo_home, "/cargo")];
    let flags = |flag: &str| folders.map(|(folder, name)| format!("{flag}={}={name}", folder.display()));
    [
        ("CARGO_ENCODED_RUSTFLAGS", flags("--remap-path-prefix").join(BETWEEN)),
        // SQLite, ring and mimalloc are C.
        ("CFLAGS", flags("-ffile-prefix-map").join(" ")),
        // For macros and C code that would put in the time of the build. It is that of the Debian package, too.
        ("SOURCE_DATE_EPOCH", variable("SOURCE_DATE_EPOCH").unwrap_or_else(|| "1767225600".to_owned())),
    ]
}

fn home(name: &str, in_home: &str) -> PathBuf {
    let usual = || PathBuf::from(variable("HOME").unwrap_or_default()).join(in_home);
    variable(name).map_or_else(usual, PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program that says where its sources are, and a crate of its own that does, too.
    fn write_program(folder: &Path) {
        let manifest = |name: &str, more: &str| {
            format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n{more}")
        };
        let uses = "[dependencies]\npart = { path = \"part\" }\n[workspace]\n";
        for (path, text) in [
            ("Cargo.toml", manifest("whole", uses)),
            ("src/main.rs", "fn main() { println!(\"{} {}\", file!(), part::told()); }".to_owned()),
            ("part/Cargo.toml", manifest("part", "")),
            ("part/src/lib.rs", "pub fn told() -> u8 { std::env::args().nth(9).unwrap().parse().unwrap() }".to_owned()),
        ] {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    /// The program of this folder, built with these variables. Debug information is what names folders most often.
    fn built(folder: &Path, variables: &[(&'static str, String)]) -> Vec<u8> {
        write_program(folder);
        let mut command = cargo(&["build", "--offline", "--quiet", "--config", "profile.dev.debug=2"]);
        command.current_dir(folder).env_remove("RUSTFLAGS").env("CARGO_TARGET_DIR", folder.join("target"));
        command.env("CARGO_INCREMENTAL", "0").envs(variables.iter().map(|(name, value)| (name, value)));
        assert!(run(&mut command).success);
        fs::read(folder.join("target/debug/whole")).unwrap()
    }

    #[test]
    fn a_program_has_the_same_octets_in_whichever_folder_it_is_built() {
        let place = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "another/and/deeper"].map(|name| place.path().join(name));
        let with = |folder: &Path| built(folder, &settings(folder, &home("CARGO_HOME", ".cargo")));
        assert!(with(&one) == with(&other), "the folder is in the program");
        assert!(built(&one, &[]) != built(&other, &[]), "this comparison finds nothing");
    }

    #[test]
    fn two_programs_are_the_same_if_no_octet_differs() {
        assert_eq!(first_difference(b"abc", b"abc"), None);
        assert_eq!(first_difference(b"abc", b"abd"), Some(2));
        assert_eq!(first_difference(b"abc", b"ab"), Some(2));
    }

    #[test]
    fn both_compilers_forget_where_the_sources_are() {
        let [(_, rust), (_, c), _] = settings(Path::new("/home/me/rafiki"), Path::new("/home/me/.cargo"));
        let expected = "--remap-path-prefix=/home/me/rafiki=/source\x1f--remap-path-prefix=/home/me/.cargo=/cargo";
        assert_eq!(rust, expected);
        assert_eq!(c, "-ffile-prefix-map=/home/me/rafiki=/source -ffile-prefix-map=/home/me/.cargo=/cargo");
    }
}
