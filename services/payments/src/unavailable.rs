//! Something this service needs did not answer.
//!
//! Not a refusal: nothing is wrong with the request, and repeating it later may succeed.

use ledger::LedgerUnavailable;
use payments_model::accounting::TransferError;

/// Why a request could not be decided.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] database::Error),
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerUnavailable),
    /// The shared cache failed.
    #[error(transparent)]
    Cache(#[from] shared_cache::CacheError),
    /// What the payment costs is not known.
    #[error("a fee of the asset cannot be read; correct its row")]
    UnreadableFee,
    /// The ledger refused what only a fault of this program can make it refuse.
    #[error("the ledger refused {what}: {error}")]
    Refused {
        /// What was asked of it.
        what: &'static str,
        /// What it said.
        error: TransferError,
    },
}
