//! Why a row of the original cannot be moved, each reason with its row.
//!
//! All are found before anything is written.

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
    /// The value is not of the column's kind.
    #[error("{column} is {found}, which is no {wanted}")]
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
    /// A word that is not in the column's list.
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
    /// The row belongs to another tenant than what it refers to.
    #[error("its tenant is another than that of its {0}")]
    OtherTenant(&'static str),
    /// The ledger of the account is not that of its owner.
    #[error("its ledger is {found}, but that of its owner is {wanted}")]
    OtherLedger {
        /// The present value.
        found: String,
        /// The expected value.
        wanted: String,
    },
    /// Two values that exclude each other.
    #[error("{0} and {1} are both set")]
    Both(&'static str, &'static str),
    /// Columns that belong together, of which only some are set.
    #[error("{0}: all of them are set, or none")]
    Incomplete(&'static str),
    /// Another row has the same value, which must be unique.
    #[error("{column} is {found}, as in another row")]
    Twice {
        /// The column.
        column: &'static str,
        /// The value.
        found: String,
    },
    /// An encrypted text, without a secret that decrypts it.
    #[error("{0} is encrypted; give DB_ENCRYPTION_SECRET of the old backend with --old-encryption-secret")]
    Encrypted(&'static str),
    /// The account has a negative balance.
    #[error("the account is overdrawn by {0}; deposit as much in the old one first")]
    Overdrawn(String),
    /// The debits and credits of a ledger are not equal.
    #[error("on its ledger {debits} were debited, but {credits} credited")]
    Unbalanced {
        /// The debits.
        debits: String,
        /// The credits.
        credits: String,
    },
    /// The value is too large for the columns of the original.
    #[error("{column} is {found}: more than Rafiki 2.4 can keep")]
    TooLargeThere {
        /// The column.
        column: &'static str,
        /// The value.
        found: String,
    },
    /// The text is too long for the columns of the original.
    #[error("{column} has {characters} characters: Rafiki 2.4 keeps 255")]
    TooLongThere {
        /// The column.
        column: String,
        /// Its length.
        characters: usize,
    },
    /// Rafiki 2.4 has nothing like it.
    #[error("Rafiki 2.4 has no {0}")]
    UnknownThere(String),
    /// A clear value was kept with another key.
    #[error("its kept value does not open; give the key of the import")]
    OtherKey,
    /// The value is too large for our columns.
    #[error("{column} is {found}: more than can be kept here")]
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
