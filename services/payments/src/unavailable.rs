//! Errors of the database, the ledger or the shared cache.
//!
//! These are not refusals: the request is valid, and may succeed later.

use ledger::LedgerUnavailable;
use payments_model::accounting::TransferError;

/// Why a request could not be decided.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] database::Error),
    /// The ledger did not answer.
    #[error(transparent)]
    Ledger(#[from] LedgerUnavailable),
    /// The shared cache did not answer.
    #[error(transparent)]
    Cache(#[from] shared_cache::CacheError),
    /// The cost of the payment is unknown.
    #[error("a fee of the asset cannot be read; correct its row")]
    UnreadableFee,
    /// Data cannot be encrypted for the database.
    #[error(transparent)]
    Unsealed(#[from] sealed_text::TooLong),
    /// The ledger refused a transfer that it refuses only after a fault of this program.
    #[error("the ledger refused {what}: {error}")]
    Refused {
        /// What was requested.
        what: &'static str,
        /// The refusal.
        error: TransferError,
    },
}
