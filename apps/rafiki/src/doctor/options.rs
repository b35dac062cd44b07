//! The options of `rafiki doctor`.
//! The checks are beside this file.

use clap::Args;

use crate::role_name::RoleFile;

#[derive(Debug, Args)]
pub(crate) struct DoctorOptions {
    /// Which roles, by default backend, auth and wallet, as ROLE or ROLE=FILE: backend=backend.env auth=auth.env.
    /// Without a file, the variables of this environment and of ENV_FILE (default .env); with one, those of the file
    /// alone.
    pub(crate) roles: Vec<RoleFile>,
    /// Call no other server: no peers, rates, webhook endpoints and certificates.
    #[arg(long)]
    pub(crate) offline: bool,
    /// Warnings count as failures.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Seconds that one check may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub(crate) limit: u64,
    /// One JSON object on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}
