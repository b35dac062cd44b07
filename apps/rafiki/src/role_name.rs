//! A role on the command line: its name, and the file with its variables.
//! The options are in `cli` and beside their commands.

use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use service_auth::ServiceRole;

/// The roles that every installation has.
pub(crate) const USUAL: [ServiceRole; 3] = [ServiceRole::Backend, ServiceRole::Auth, ServiceRole::Wallet];

/// Reads the name of a role, and lists the names in the help.
pub(crate) fn role_parser() -> impl TypedValueParser<Value = ServiceRole> {
    PossibleValuesParser::new(ServiceRole::ALL.map(ServiceRole::as_str)).try_map(|name| name.parse::<ServiceRole>())
}

/// A role and the file with its variables: `backend`, or `backend=backend.env`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoleFile {
    pub(crate) role: ServiceRole,
    pub(crate) file: Option<PathBuf>,
}

impl RoleFile {
    /// The roles that every installation has, with the variables of this process.
    pub(crate) fn usual() -> [Self; 3] {
        USUAL.map(|role| Self { role, file: None })
    }
}

impl FromStr for RoleFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (role, file) = match text.split_once('=') {
            Some((role, file)) => (role, Some(PathBuf::from(file))),
            None => (text, None),
        };
        let role = role
            .to_ascii_lowercase()
            .parse()
            .map_err(|error| format!("{error}; add =FILE to the name of a role if its variables are in a file"))?;
        Ok(Self { role, file })
    }
}
