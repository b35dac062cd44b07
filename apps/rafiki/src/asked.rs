//! The institution that a command asks: a running playground's, or the one named on the command line.
//! Its refusals get an exit code here. What is asked is in the commands.

use admin_client::{AdminError, ErrorCode};
use config::Mode;

use crate::failure::Failure;
use crate::known_options::AskedOptions;
use crate::pay::PayError;
use crate::pay::institutions::{self, Institution};
use crate::roles::shared_deps::SharedDeps;

/// An institution that is asked.
pub(crate) struct Asked {
    pub(crate) institution: Institution,
}

impl AskedOptions {
    /// The institution that is meant.
    pub(crate) fn find(&self) -> Result<Asked, Failure> {
        telemetry::start("error", telemetry::LogFormat::Text).map_err(|error| Failure::start("logging", error))?;
        let deps = SharedDeps::new(Mode::Development, &[])?;
        let known = institutions::known(&self.known, &deps)?;
        let institution = institutions::chosen(&known, self.at.as_deref())?.clone();
        Ok(Asked { institution })
    }

    /// The options that name the same institution in another command, without secrets.
    pub(crate) fn again(&self) -> String {
        let place = match &self.known.admin_url {
            Some(url) => format!(" --admin-url {url}"),
            None if self.known.data_dir == std::path::Path::new("./data") => String::new(),
            None => format!(" --data-dir {}", self.known.data_dir.display()),
        };
        let at = self.at.as_ref().map(|at| format!(" --at {at}")).unwrap_or_default();
        format!("{at}{place}")
    }
}

impl Asked {
    /// Why a request failed.
    pub(crate) fn refused(&self, error: AdminError) -> Failure {
        match error {
            AdminError::Unreachable { reason, .. } => {
                PayError::Unreachable { institution: self.institution.name.clone(), reason }.into()
            }
            AdminError::Refused { code: ErrorCode::NotFound, message, .. } => Failure::NotFound(message),
            AdminError::Refused { message, .. } => Failure::Check(message),
            other => Failure::Check(other.to_string()),
        }
    }
}
