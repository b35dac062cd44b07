//! The options of `rafiki config show` and `rafiki config explain`.
//! What the commands do is beside this file.

use clap::Args;

use crate::role_name::RoleFile;

#[derive(Debug, Args)]
pub(crate) struct ShowOptions {
    /// Which roles, as for `rafiki config check`; by default backend, auth and wallet.
    pub(crate) roles: Vec<RoleFile>,
    /// Only variables that are set.
    #[arg(long)]
    pub(crate) set: bool,
    /// One JSON object on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainOptions {
    /// The variable, for example STREAM_SECRET.
    pub(crate) variable: String,
    /// One JSON array on standard output, with an object for each role that reads the variable.
    #[arg(long)]
    pub(crate) json: bool,
}
