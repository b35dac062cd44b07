//! The options of `rafiki clock`.
//! What the commands do is beside this file.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use clock::Timestamp;
use jiff::Span;

#[derive(Debug, Args)]
#[command(
    after_help = "Ends with 0 when it is done; 2 wrong arguments, 3 no playground runs, 5 it does not answer, 1 any other error."
)]
pub(crate) struct ClockOptions {
    #[command(subcommand)]
    pub(crate) command: ClockCommand,
    /// The data folder of a running `rafiki dev`.
    #[arg(long, default_value = "./data", global = true)]
    pub(crate) data_dir: PathBuf,
    /// One JSON object on standard output.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ClockCommand {
    /// Show the time of both institutions.
    Show,
    /// Move the time of both institutions forward.
    ///
    /// What is due by then happens at once: payments and grants expire, intervals of grants begin anew, jobs and retries
    /// run. Signatures, and packets on their way, go on by the real time.
    Advance(Advance),
    /// Return to the real time.
    Reset,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Advance {
    /// By how much, for example 1mo, 2w, '1d 12h', 90s. Months and years are those of the calendar.
    #[arg(value_name = "DURATION", value_parser = span)]
    pub(crate) by: Option<Span>,
    /// To this time, for example 2027-01-01T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<Timestamp>,
}

/// A duration that moves the clock forward.
pub(crate) fn span(text: &str) -> Result<Span, String> {
    let span: Option<Span> = text.parse().ok();
    let forward = span.filter(|span: &Span| span.is_positive());
    forward.ok_or_else(|| "write a duration above 0, for example 1mo, 2w, '1d 12h' or 90s".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_duration_above_zero_moves_the_clock() {
        for good in ["1mo", "2w", "1d 12h", "90s", "P1M"] {
            assert!(span(good).is_ok(), "{good}");
        }
        for wrong in ["", "0s", "-1d", "month", "1 blue moon", "99999999999999999999y"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }
}
