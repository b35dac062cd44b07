//! The options of `rafiki trace`.
//! What the command does is beside this file.

use std::path::PathBuf;

use clap::Args;

use crate::known_options::AskedOptions;

#[derive(Debug, Args)]
#[command(
    after_help = "Ends with 0 when the payment is found; 2 wrong arguments, 3 no known institution has it, 5 an institution does not \
                  answer, 1 any other error."
)]
pub(crate) struct TraceOptions {
    /// The id of an outgoing or an incoming payment, or the URL of an incoming payment.
    pub(crate) payment: String,
    /// One JSON object on standard output.
    #[arg(long, conflicts_with = "svg")]
    pub(crate) json: bool,
    /// Write a picture into this file; - writes it to standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) asked: AskedOptions,
}
