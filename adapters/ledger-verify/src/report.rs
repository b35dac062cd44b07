//! The result of a verification, for people and programs.
//!
//! It does not print it.

use serde::Serialize;

/// The outcome of verifying a ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// No fault was found.
    pub sound: bool,
    /// The number of entries that were read: the whole journal, if all were correct.
    pub entries: u64,
    /// The number of created accounts.
    pub accounts: u64,
    /// The number of reservations that no entry has settled or expired.
    pub pending_transfers: u64,
    /// The first entry that breaks a rule, if there is one. Later entries were not checked.
    pub first_bad: Option<BadEntry>,
    /// The first ten places at which a table beside the journal contradicts the journal.
    pub faults: Vec<String>,
    /// Totals by ledger, in order of ledger number.
    pub ledgers: Vec<LedgerTotals>,
    /// The posted credits minus the posted debits of all peers' accounts, by ordinary transfers: the money received
    /// from peers minus the money sent to them.
    pub peer_movement: String,
    /// The hash of the last entry, hexadecimal. If it is stored elsewhere, it later proves that history was not
    /// changed.
    pub head_hash: String,
}

/// An entry that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BadEntry {
    /// Its number.
    pub seq: u64,
    /// The rule that it breaks.
    pub reason: String,
}

/// The sums over all accounts of one ledger. Debits and credits are equal in a sound ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LedgerTotals {
    /// The ledger number.
    pub ledger: u32,
    /// Number of accounts.
    pub accounts: u64,
    /// Decimal text, because JSON has no integers of 128 bits.
    #[serde(serialize_with = "decimal")]
    pub debits_pending: u128,
    /// Decimal.
    #[serde(serialize_with = "decimal")]
    pub debits_posted: u128,
    /// Decimal.
    #[serde(serialize_with = "decimal")]
    pub credits_pending: u128,
    /// Decimal.
    #[serde(serialize_with = "decimal")]
    pub credits_posted: u128,
}

fn decimal<S: serde::Serializer>(value: &u128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}
