//! Moves a live installation of the original Rafiki into our databases, in repeatable passes, and checks the result.
//!
//! The way back (`back`) fills empty databases of the original from ours.
//!
//! A pass checks everything before it writes anything. Then it writes what has changed since the last pass. Every write
//! has its own id, so a pass may be killed and repeated. The meaning of rows is in `rafiki-tables`.

mod back;
mod books;
mod cluster;
mod comparison;
mod counts;
mod examination;
mod pass;
mod progress;
mod record_work;
mod remainders;
mod source;
mod target;

use database::Error;
use ledger::{CreateTransferResult, LedgerUnavailable, TransferId};
use rafiki_database::SourceError;
use rafiki_tables::refusal::Refusal;

pub use back::{BackPlan, BackSettings, ExportError, Exported, Installation, examine_back, export};
pub use comparison::{Comparison, Line};
pub use examination::{Plan, examine};
pub use pass::{Report, carry_over};
pub use progress::{MIGRATIONS, Mark, MarkInUseError, Since, mark_in_use, since_of};
pub use source::{History, Money, MoveSettings, OldInstallation};
pub use target::Target;

/// Progress of a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// This many rows of a table were checked.
    Examined(&'a str, u64),
    /// This many rows of a table were moved.
    Carried(&'a str, u64),
    /// This many accounts or transfers of the ledger were moved.
    Booked(&'a str, u64),
    /// This many accounts were compared.
    Compared(u64),
}

/// Receives the progress of a pass.
pub type Listener<'a> = &'a (dyn Fn(Step<'_>) + Send + Sync);

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
    #[error("{} rows of the original cannot be moved; correct them in Rafiki 2.4. Nothing was written", .0.len())]
    Refused(Vec<Refusal>),
    /// Our databases were filled from another installation.
    #[error("our databases were filled from another installation; name empty ones. Nothing was written")]
    OtherSource,
    /// Our databases have been in use since the last pass.
    #[error(
        "a role has been started on our databases since the last pass; what it changed would be overwritten. Name empty \
         databases, or export first. Nothing was written"
    )]
    InUse,
    /// Our databases contain rows that no pass has written.
    #[error("our databases are not empty and no pass has filled them; name empty ones. Nothing was written")]
    NotEmpty,
    /// Our ledger has more than the original says.
    #[error("account {0} has moved more here than in the original; name the installation that was moved before")]
    Ahead(String),
    /// Our ledger cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// Our ledger refused a transfer.
    #[error("our ledger refused transfer {0}: {1:?}")]
    Booking(TransferId, CreateTransferResult),
    /// Our ledger refused an account.
    #[error("our ledger refused account {0}: {1:?}")]
    Account(String, ledger::CreateAccountResult),
}
