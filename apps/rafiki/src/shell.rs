//! `rafiki completions` and `rafiki man`: completion scripts for shells, and manual pages, made from the command line.
//! The options themselves are in `cli`.

use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::admin::operations::with_operations;
use crate::cli::Cli;
use crate::failure::Failure;
use crate::output::say;

/// Prints the script for `shell`.
pub(crate) fn completions(shell: Shell) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut with_operations(Cli::command()), "rafiki", &mut script);
    say(&String::from_utf8_lossy(&script));
}

/// Writes `rafiki.1` and a page for each command into `folder`.
pub(crate) fn manual(folder: &Path) -> Result<(), Failure> {
    let failed = |error| Failure::io(format!("cannot write manual pages into {}", folder.display()), error);
    std::fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), folder).map_err(failed)
}
