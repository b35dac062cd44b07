//! Why a pass did not succeed.
//! Why an export did not succeed is in `back`.

use database::Error;
use ledger::{CreateAccountResult, CreateTransferResult, LedgerUnavailable, TransferId};
use rafiki_database::SourceError;
use rafiki_tables::refusal::Refusal;

/// Why a pass did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// The original cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Our database failed. The pass may be repeated.
    #[error("our database: {0}")]
    Database(#[from] Error),
    /// Our ledger did not answer. The pass may be repeated.
    #[error(transparent)]
    Ledger(#[from] LedgerUnavailable),
    /// Rows cannot be moved. Nothing was written.
    #[error("{} rows of Rafiki 2.4 cannot be moved. Correct them there. Nothing was written", .0.len())]
    Refused(Vec<Refusal>),
    /// Our databases were filled from another installation.
    #[error("the new databases were filled from another installation. Configure empty databases. Nothing was written")]
    OtherSource,
    /// Our databases have been in use since the last pass.
    #[error(
        "a role has been started on the new databases since the last pass, and its changes would be overwritten. Configure \
         empty databases, or export first. Nothing was written"
    )]
    InUse,
    /// Our databases contain rows that no pass has written.
    #[error(
        "the new databases are not empty, and no pass has filled them. Configure empty databases. Nothing was written"
    )]
    NotEmpty,
    /// An account in our ledger has larger totals than in the original.
    #[error(
        "account {0} has moved more money in the new ledger than in Rafiki 2.4. Name the installation that was moved before"
    )]
    Ahead(String),
    /// Our ledger cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// Our ledger refused a transfer.
    #[error("our ledger refused transfer {0}: {1:?}")]
    Booking(TransferId, CreateTransferResult),
    /// Our ledger refused an account.
    #[error("our ledger refused account {0}: {1:?}")]
    Account(String, CreateAccountResult),
}
