//! The options of `rafiki sign` and `rafiki verify`.
//! What the commands do is beside this file.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use url::Url;

#[derive(Debug, Args)]
pub(crate) struct SignOptions {
    #[command(subcommand)]
    pub(crate) what: Sign,
}

/// What is signed.
#[derive(Debug, Subcommand)]
pub(crate) enum Sign {
    /// A request to an Admin API: prints the value of its `signature` header.
    Admin(SignBody),
    /// A webhook: prints the value of its `signature` header.
    Webhook(SignBody),
    /// An HTTP request, as Open Payments demands (RFC 9421): prints the headers to add.
    Message(SignMessage),
}

#[derive(Debug, Args)]
pub(crate) struct VerifyOptions {
    /// One JSON object on standard output.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) what: Verify,
}

/// What is verified.
#[derive(Debug, Subcommand)]
pub(crate) enum Verify {
    /// A request to an Admin API.
    Admin(VerifyBody),
    /// A webhook.
    Webhook(VerifyBody),
    /// An HTTP request with a message signature (RFC 9421).
    Message(VerifyMessage),
}

/// A body and a shared secret.
#[derive(Debug, Args)]
pub(crate) struct SharedSecret {
    /// The body, as JSON in a file; - reads standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) body: PathBuf,
    /// A file with the shared secret (ADMIN_API_SECRET, SIGNATURE_SECRET, or the secret of a webhook endpoint). A line
    /// break at its end does not count.
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: PathBuf,
    /// The version of signatures (SIGNATURE_VERSION, ADMIN_API_SIGNATURE_VERSION).
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) signature_version: u32,
    /// The time to use instead of now, for example 2026-01-01T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<Timestamp>,
}

#[derive(Debug, Args)]
pub(crate) struct SignBody {
    #[command(flatten)]
    pub(crate) shared: SharedSecret,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyBody {
    #[command(flatten)]
    pub(crate) shared: SharedSecret,
    /// The value of the header `signature`. Leave it out if there was none.
    #[arg(long, value_name = "TEXT")]
    pub(crate) signature: Option<String>,
    /// The largest accepted difference of the times, in seconds (ADMIN_API_SIGNATURE_TTL_SECONDS).
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) tolerance: u32,
}

#[derive(Debug, Args)]
pub(crate) struct SignMessage {
    /// The method.
    #[arg(long, default_value = "GET")]
    pub(crate) method: String,
    /// The URL exactly as it is called.
    #[arg(long)]
    pub(crate) url: Url,
    /// A header that is sent, as 'Authorization: GNAP …'. May be given several times.
    #[arg(long, value_name = "HEADER")]
    pub(crate) header: Vec<String>,
    /// The body in a file; - reads standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) body: Option<PathBuf>,
    /// The private key: Ed25519 in PKCS#8 PEM.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// The kid under which the public key is published.
    #[arg(long)]
    pub(crate) key_id: String,
    /// The time to use instead of now.
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<Timestamp>,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyMessage {
    /// The request as it was received, in a file: request line, headers, an empty line, body; - reads standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) request: PathBuf,
    /// The URL that the client called, if request line and Host header do not say it.
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// The client's published keys: the content of its jwks.json, or one JWK, in a file.
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: PathBuf,
    /// The greatest age of a signature in seconds (SIGNATURE_MAX_AGE_SECONDS).
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub(crate) max_age: u32,
    /// The time to use instead of now.
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<Timestamp>,
}
