//! Why a ledger could not be read.
//! Faults of a ledger that can be read are in `report`.

/// Why a ledger could not be read.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The URL does not name a known database.
    #[error("{0:?} is not a ledger database; use sqlite:<file> or postgres://…")]
    UnknownUrl(String),
    /// The ledger is in memory, so only its own process can read it.
    #[error("a ledger in memory cannot be watched; keep it in a file or on Postgres")]
    InMemory,
    /// There is no ledger at this place.
    #[error("{place} is not a ledger: {reason}")]
    NoLedger {
        /// The file or database.
        place: String,
        /// What was found instead.
        reason: String,
    },
    /// The file or server could not be read.
    #[error("the ledger cannot be read: {0}")]
    Unavailable(String),
}

impl From<rusqlite::Error> for VerifyError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<sqlx::Error> for VerifyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}
