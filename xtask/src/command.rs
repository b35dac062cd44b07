//! Runs other programs from the root of the workspace, and shows and keeps their output.
//!
//! It is not a shell: programs and arguments are given separately.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_owned()
}

/// An environment variable, if it is set and is text.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var_os(name)?.into_string().ok()
}

/// The output of a program, and whether it succeeded.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) success: bool,
    pub(crate) output: String,
}

/// A program to be run from the root of the workspace.
pub(crate) fn program(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(name);
    command.args(arguments).current_dir(root());
    command
}

/// `cargo` with these arguments.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    program(&variable("CARGO").unwrap_or_else(|| "cargo".into()), arguments)
}

/// Runs a program, shows both its outputs while it runs, and keeps them.
pub(crate) fn run(command: &mut Command) -> Finished {
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => {
            let output = format!("cannot run {}: {error}", command.get_program().display());
            println!("{output}");
            return Finished { success: false, output };
        }
    };

    let (lines, received) = mpsc::channel::<String>();
    let mut readers = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        readers.push(forward(stdout, lines.clone()));
    }

    if let Some(stderr) = child.stderr.take() {
        readers.push(forward(stderr, lines.clone()));
    }
    drop(lines);
    let mut output = String::new();
    for line in received {
        let _ = writeln!(std::io::stdout(), "{line}");
        output.push_str(&line);
        output.push('\n');
    }

    for reader in readers {
        let _ = reader.join();
    }
    let success = child.wait().is_ok_and(|status| status.success());
    Finished { success, output }
}

fn forward(source: impl std::io::Read + Send + 'static, lines: mpsc::Sender<String>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut reader = BufReader::new(source);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            line.clear();
            if lines.send(text).is_err() {
                break;
            }
        }
    })
}

/// The standard output of a program, without showing it; `None` if it fails.
pub(crate) fn capture(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The first directory of `PATH`, or of `extra`, that contains `name`.
pub(crate) fn find(name: &str, extra: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain(extra.iter().map(PathBuf::from)).map(|dir| dir.join(name)).find(|p| p.is_file())
}

/// What cargo says about the packages of the workspace.
pub(crate) fn metadata() -> Result<serde_json::Value, String> {
    let told =
        capture(&mut cargo(&["metadata", "--no-deps", "--format-version", "1"])).ok_or("cargo metadata failed")?;
    serde_json::from_str(&told).map_err(|error| error.to_string())
}
