//! Why a command failed, and its exit code.
//!
//! One line for a person. Details are in the log.

use std::fmt::Display;
use std::process::ExitCode;

use config::{ConfigError, EnvironmentError};

use crate::pay::error::PayError;
use crate::tap::error::TapError;

/// Why a command did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Something could not be started.
    #[error("{what} cannot be started: {reason}")]
    Start { what: String, reason: String },
    /// A file or folder could not be used.
    #[error("{what}: {source}")]
    Io { what: String, source: std::io::Error },
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    #[error("{0}")]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Pay(#[from] PayError),
    #[error(transparent)]
    Tap(#[from] TapError),
    /// The object of the check cannot be read, so the result is unknown.
    #[error("{0}")]
    Unreadable(String),
    /// The arguments do not go together.
    #[error("{0}")]
    Usage(String),
    /// There is nothing with this name.
    #[error("{0}")]
    NotFound(String),
    /// The check failed.
    #[error("{0}")]
    Check(String),
}

impl Failure {
    pub(crate) fn start(what: impl Into<String>, reason: impl Display) -> Self {
        Self::Start { what: what.into(), reason: reason.to_string() }
    }

    pub(crate) fn io(what: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io { what: what.into(), source }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Pay(error) => ExitCode::from(error.exit_code()),
            Self::Tap(error) => ExitCode::from(error.exit_code()),
            Self::Usage(_) => ExitCode::from(2),
            Self::Unreadable(_) | Self::NotFound(_) => ExitCode::from(3),
            _ => ExitCode::FAILURE,
        }
    }
}
