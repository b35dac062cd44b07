//! The Debian package: everything that goes into it beside the program is made, then `cargo deb` puts it together.
//! What it consists of is in apps/rafiki/Cargo.toml, its scripts are in deploy/debian.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{capture, cargo, find, root, run};
use crate::dist::{self, Auditable};
use crate::supply;

/// Which program is packaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    /// The one that is shipped, built anew.
    Shipped,
    /// The one for development, as it lies there. To try the package.
    Development,
}

/// Makes the package in target/supply.
pub(crate) fn build(program: Program) -> Result<bool, String> {
    if find("cargo-deb", &[]).is_none() {
        return Err("cargo-deb is missing; `cargo install --locked cargo-deb`".to_owned());
    }
    let built = root().join(match program {
        Program::Shipped => "target/dist/rafiki",
        Program::Development => "target/debug/rafiki",
    });
    if program == Program::Shipped && !dist::build(Auditable::No)? {
        return Ok(false);
    }
    supply::write_sbom()?;
    supply::write_licences()?;
    write_by_the_program(&built)?;
    let output = supply::folder()?;
    let output = output.to_string_lossy();
    let mut command = cargo(&["deb", "--package", "rafiki", "--no-build", "--output", &output]);
    match program {
        Program::Shipped => command.args(["--profile", "dist"]),
        // A program with debug information takes minutes to pack well.
        Program::Development => command.env("CARGO_TARGET_DIR", as_released(&built)?).arg("--fast"),
    };
    Ok(run(&mut command).success)
}

/// A target folder in which this program lies where a release would. `cargo deb` makes no packages of the profile `dev`.
fn as_released(built: &Path) -> Result<PathBuf, String> {
    let target = supply::folder()?.join("development");
    let release = target.join("release");
    let copied = fs::create_dir_all(&release).and_then(|()| fs::copy(built, release.join("rafiki")));
    copied.map_err(|error| format!("{}: {error}", built.display()))?;
    Ok(target)
}

/// Manual pages and completions, which the program writes itself.
fn write_by_the_program(rafiki: &Path) -> Result<(), String> {
    let told = |arguments: &[&str]| {
        let asked = capture(std::process::Command::new(rafiki).args(arguments));
        asked.ok_or(format!("{} {} failed; is it built?", rafiki.display(), arguments.join(" ")))
    };
    let man = supply::folder()?.join("man");
    fs::create_dir_all(&man).map_err(|error| format!("{}: {error}", man.display()))?;
    told(&["man", &man.to_string_lossy()])?;
    supply::write("rafiki.bash", &told(&["completions", "bash"])?)?;
    supply::write("_rafiki", &told(&["completions", "zsh"])?)
}
