//! Logs and metrics. The subscriber for logs is installed here only. The names of metrics are defined here, and their
//! numbers are kept here.
//!
//! Nothing leaves the machine unless a collector is named: logs go to standard error, metrics are served on request.

mod collector;
mod exported;
pub mod metrics;
mod privacy;
mod traces;

pub use crate::collector::CollectorError;
pub use crate::exported::{Amounts, PacketTimer, PacketTimes, Probes, Stage, StageTimer, Worth};
pub use crate::metrics::Metrics;
pub use crate::traces::{PACKETS, Traces, payment_span};

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For an operator at a terminal.
    #[default]
    Text,
    /// One JSON object per line, for collectors.
    Json,
}

/// Why logging could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The filter is not `level` or `target=level,…`.
    #[error("the log filter {filter:?} cannot be used: {reason}")]
    Filter {
        /// The configured filter.
        filter: String,
        /// What is wrong with the filter.
        reason: String,
    },
    /// Another subscriber is already installed.
    #[error("logging was started before")]
    AlreadyStarted,
}

/// Writes logs at `level` (or finer directives such as `info,connector=debug`) to standard error.
pub fn start(level: &str, format: LogFormat) -> Result<(), StartError> {
    let filter = filter(level)?;
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    let started = match format {
        LogFormat::Text => registry.with(lines).try_init(),
        LogFormat::Json => registry.with(lines.json()).try_init(),
    };
    started.map_err(|_| StartError::AlreadyStarted)
}

/// The same, and spans to the collectors of `traces`.
pub fn start_with_traces(level: &str, format: LogFormat, traces: &Traces) -> Result<(), StartError> {
    let filter = filter(level)?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    let registry = tracing_subscriber::registry().with(traces.layer());
    let started = match format {
        LogFormat::Text => registry.with(lines.with_filter(filter)).try_init(),
        LogFormat::Json => registry.with(lines.json().with_filter(filter)).try_init(),
    };
    started.map_err(|_| StartError::AlreadyStarted)
}

/// The directives for `level`. Libraries log less than our crates, unless a directive names them.
fn filter(level: &str) -> Result<EnvFilter, StartError> {
    let quiet = "hyper=warn,h2=warn,rustls=warn,sqlx=warn,sea_orm=warn,reqwest=warn";
    let directives = if level.contains('=') || matches!(level, "off" | "error" | "warn") {
        level.to_owned()
    } else {
        format!("{level},{quiet}")
    };
    EnvFilter::try_new(&directives)
        .map_err(|error| StartError::Filter { filter: level.to_owned(), reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_quietens_libraries_and_a_directive_is_taken_as_it_is() {
        assert!(filter("debug").unwrap().to_string().contains("sqlx=warn"));
        assert_eq!(filter("off").unwrap().to_string(), "off");
        assert!(!filter("info,connector=debug").unwrap().to_string().contains("sqlx"));
    }

    #[test]
    fn a_filter_that_is_none_is_named() {
        assert!(filter("a=b=c").unwrap_err().to_string().contains("a=b=c"));
    }
}
