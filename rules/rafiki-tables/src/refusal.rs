//! Why a row of the original cannot be carried, each reason with the row it is about.
//!
//! Found before anything is written.

use std::fmt;

/// Where a fault lies.
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

/// A row that cannot be carried.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct Refusal {
    /// Which row.
    pub place: Place,
    /// Why.
    pub reason: Reason,
}

/// Why a row cannot be carried.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The row is no JSON object; a fault of the reader.
    #[error("the row cannot be read")]
    Unreadable,
    /// A column that must have a value has none.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// The value is not of the column's kind.
    #[error("{column} is {found}, which is no {wanted}")]
    Malformed {
        /// Which column.
        column: &'static str,
        /// What stands there.
        found: String,
        /// What should.
        wanted: &'static str,
    },
    /// An amount below zero.
    #[error("{column} is {found}: an amount below zero")]
    Negative {
        /// Which column.
        column: &'static str,
        /// The amount.
        found: String,
    },
    /// A word from a closed list that is not in it.
    #[error("{column} is {found:?}, which is not one of {known}")]
    UnknownWord {
        /// Which column.
        column: &'static str,
        /// The word.
        found: String,
        /// The list.
        known: &'static str,
    },
    /// The row it refers to does not exist.
    #[error("{column} names {missing}, which is not in {table}")]
    Dangling {
        /// Which column.
        column: &'static str,
        /// The row that is missing.
        missing: String,
        /// Where it should be.
        table: &'static str,
    },
    /// The row belongs to another tenant than what it refers to.
    #[error("its tenant is another than that of its {0}")]
    OtherTenant(&'static str),
    /// The asset's ledger is not its owner's.
    #[error("its ledger is {found}, but that of its owner is {wanted}")]
    OtherLedger {
        /// What it says.
        found: String,
        /// What it should say.
        wanted: String,
    },
    /// Two things that exclude each other.
    #[error("{0} and {1} are both set")]
    Both(&'static str, &'static str),
    /// Columns that go together, of which some are set.
    #[error("{0}: all of them are set, or none")]
    Incomplete(&'static str),
    /// Another row says the same where only one may.
    #[error("{column} is {found}, as in another row")]
    Twice {
        /// Which column.
        column: &'static str,
        /// What both say.
        found: String,
    },
    /// A text that is encrypted, and no secret that opens it.
    #[error("{0} is encrypted; give DB_ENCRYPTION_SECRET of the old backend with --old-encryption-secret")]
    Encrypted(&'static str),
    /// The account holds less than nothing.
    #[error("the account is overdrawn by {0}; deposit as much in the old one first")]
    Overdrawn(String),
    /// What was debited on a ledger was not credited.
    #[error("on its ledger {debits} were debited, but {credits} credited")]
    Unbalanced {
        /// The debits.
        debits: String,
        /// The credits.
        credits: String,
    },
    /// More than can be counted here.
    #[error("{column} is {found}: more than can be kept here")]
    TooLarge {
        /// Which column.
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
