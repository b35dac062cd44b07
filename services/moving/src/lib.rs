//! Carries a live installation of the original Rafiki into ours, in repeatable passes, and checks it.
//!
//! A pass looks at everything before it writes anything, then writes what changed since the last one. Every write has
//! ids of its own, so a pass may be killed and repeated. What a row means is decided in `rafiki-tables`.

mod books;
mod comparison;
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

pub use comparison::{Comparison, Line, compare};
pub use examination::{Plan, examine};
pub use pass::{Report, carry_over};
pub use progress::{InUse, MIGRATIONS, Mark, Since, mark_in_use, since_of};
pub use source::{History, OldInstallation, Settings};
pub use target::Target;

/// What a pass tells while it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// So many rows of a table were looked at.
    Examined(&'a str, u64),
    /// So many rows of a table were carried.
    Carried(&'a str, u64),
    /// So many accounts or transfers of the ledger were carried.
    Booked(&'a str, u64),
    /// So many accounts were compared.
    Compared(u64),
}

/// Hears what a pass tells.
pub type Listener<'a> = &'a (dyn Fn(Step<'_>) + Send + Sync);

/// Why a pass did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// The original cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Our database did not do as told. A pass may be repeated.
    #[error("our database: {0}")]
    Database(#[from] Error),
    /// Our ledger did not answer. A pass may be repeated.
    #[error(transparent)]
    Ledger(#[from] LedgerUnavailable),
    /// Rows that cannot be carried; nothing was written.
    #[error("{} of its rows cannot be carried; nothing was written", .0.len())]
    Refused(Vec<Refusal>),
    /// Our databases were filled from another installation.
    #[error("our databases hold what was carried from another installation; name empty ones. Nothing was written")]
    OtherSource,
    /// Our databases have been used since.
    #[error(
        "a role has been started on our databases since the last pass; what it did would be overwritten. Name empty \
         databases, or export first. Nothing was written"
    )]
    InUse,
    /// Our databases hold something that no pass has carried.
    #[error("our databases are not empty and no pass has filled them; name empty ones. Nothing was written")]
    NotEmpty,
    /// Our ledger has more than the original says.
    #[error("account {0} has moved more here than in the original: the original is not what was carried before")]
    Ahead(String),
    /// Our ledger refused a transfer.
    #[error("our ledger refused transfer {0}: {1:?}")]
    Booking(TransferId, CreateTransferResult),
    /// Our ledger refused an account.
    #[error("our ledger refused account {0}: {1:?}")]
    Account(String, ledger::CreateAccountResult),
}
