//! The options of `rafiki backup` and `rafiki restore`.
//! What the commands do is beside this file.

use std::path::PathBuf;

use clap::Args;

use crate::role_name::RoleFile;

#[derive(Debug, Args)]
pub(crate) struct BackupOptions {
    /// The new backup, which is a folder. If it is an existing folder, the backup gets a name with its instant in it.
    #[arg(long, value_name = "PATH")]
    pub(crate) to: PathBuf,
    /// Which roles, by default backend, auth and wallet, as ROLE or ROLE=FILE: backend=backend.env auth=auth.env.
    /// Without a file, the variables of this environment and of ENV_FILE (default .env); with one, those of the file
    /// alone. All databases of the named roles are of one instant, so name all roles of the installation.
    pub(crate) roles: Vec<RoleFile>,
    /// One JSON object on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreOptions {
    /// The backup.
    #[arg(long, value_name = "PATH")]
    pub(crate) from: PathBuf,
    /// Which roles, as for `rafiki backup`. Their databases must be empty.
    pub(crate) roles: Vec<RoleFile>,
    /// Read the whole backup, say whether it is whole and unchanged, and restore nothing. No role is needed.
    #[arg(long, conflicts_with_all = ["verify", "roles"])]
    pub(crate) check: bool,
    /// Afterwards, recompute every balance of the restored ledgers from their journals, as `rafiki ledger verify` does.
    #[arg(long)]
    pub(crate) verify: bool,
    /// One JSON object on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}
