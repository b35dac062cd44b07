//! Why a row of the original cannot be moved. Each reason comes with its row.
//!
//! All reasons are found before anything is written. The checks are in `carry` and `row`.

use std::fmt;

/// The place of a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The table of the original.
    pub table: &'static str,
    /// The row's id.
    pub row: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.table, self.row)
    }
}

/// A row that cannot be moved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct Refusal {
    /// The row.
    pub place: Place,
    /// The reason.
    pub reason: Reason,
}

/// Why a row cannot be moved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The row is not a JSON object. This is a fault of the reader.
    #[error("the row cannot be read")]
    Unreadable,
    /// A required column has no value.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// The value does not have the type of the column.
    #[error("{column} is {found}, which is not {wanted}")]
    Malformed {
        /// The column.
        column: &'static str,
        /// The present value.
        found: String,
        /// The expected kind of value.
        wanted: &'static str,
    },
    /// An amount below zero.
    #[error("{column} is {found}: an amount below zero")]
    Negative {
        /// The column.
        column: &'static str,
        /// The amount.
        found: String,
    },
    /// The column does not allow this word.
    #[error("{column} is {found:?}, which is not one of {known}")]
    UnknownWord {
        /// The column.
        column: &'static str,
        /// The word.
        found: String,
        /// The list.
        known: &'static str,
    },
    /// The row it refers to does not exist.
    #[error("{column} names {missing}, which is not in {table}")]
    Dangling {
        /// The column.
        column: &'static str,
        /// The row that is missing.
        missing: String,
        /// The table where it should be.
        table: &'static str,
    },
    /// The row belongs to another tenant than the row that it refers to.
    #[error("its tenant differs from the tenant of its {0}")]
    OtherTenant(&'static str),
    /// The ledger of the account is not that of its owner.
    #[error("its ledger is {found}, but the ledger of its owner is {wanted}")]
    OtherLedger {
        /// The present value.
        found: String,
        /// The expected value.
        wanted: String,
    },
    /// Two values exclude each other.
    #[error("{0} and {1} are both set")]
    Both(&'static str, &'static str),
    /// Only some of the columns that belong together are set.
    #[error("{0}: set all of these columns, or none of them")]
    Incomplete(&'static str),
    /// Another row has the same value, but it must be unique.
    #[error("{column} is {found}, as in another row")]
    Duplicate {
        /// The column.
        column: &'static str,
        /// The value.
        found: String,
    },
    /// The text is encrypted, and no secret that decrypts it was given.
    #[error("{0} is encrypted; give DB_ENCRYPTION_SECRET of the old backend with --old-encryption-secret")]
    Encrypted(&'static str),
    /// The account has a negative balance.
    #[error("the account is overdrawn by {0}; deposit this amount in the old installation first")]
    Overdrawn(String),
    /// The debits and credits of a ledger are not equal.
    #[error("the ledger's debits are {debits}, but its credits are {credits}")]
    Unbalanced {
        /// The debits.
        debits: String,
        /// The credits.
        credits: String,
    },
    /// The value is too large for the columns of the original.
    #[error("{column} is {found}, which is larger than the column of Rafiki 2.4 allows")]
    TooLargeForOriginal {
        /// The column.
        column: &'static str,
        /// The value.
        found: String,
    },
    /// The text is too long for the columns of the original.
    #[error("{column} has {characters} characters, but Rafiki 2.4 allows only 255")]
    TooLongForOriginal {
        /// The column.
        column: String,
        /// Its length.
        characters: usize,
    },
    /// Rafiki 2.4 has no such thing.
    #[error("Rafiki 2.4 has no {0}")]
    UnknownToOriginal(String),
    /// A clear value was kept with another key.
    #[error("its kept value cannot be decrypted; give the key of the import")]
    OtherKey,
    /// A text was encrypted here, and the given secret does not decrypt it.
    #[error("{0} is encrypted with another secret than the given one; give the DB_ENCRYPTION_SECRET that encrypted it")]
    OtherSecret(&'static str),
    /// The value is too large for our columns.
    #[error("{column} is {found}, which is larger than our column allows")]
    TooLarge {
        /// The column.
        column: &'static str,
        /// The value.
        found: String,
    },
}

impl Refusal {
    /// A refusal of a row.
    pub fn new(table: &'static str, row: impl Into<String>, reason: Reason) -> Self {
        Self { place: Place { table, row: row.into() }, reason }
    }
}
