//! What a verification found, as people and programs read it.

use serde::Serialize;

/// The outcome of verifying a ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Nothing was found wrong.
    pub sound: bool,
    /// Entries read; all of the journal if none was bad.
    pub entries: u64,
    /// Accounts created.
    pub accounts: u64,
    /// Reservations neither settled nor expired by an entry.
    pub pending_transfers: u64,
    /// The first entry that breaks a rule, if any; later entries were not judged.
    pub first_bad: Option<BadEntry>,
    /// Where the tables beside the journal do not say what the journal says; the first ten.
    pub faults: Vec<String>,
    /// Totals by ledger, in order of ledger number.
    pub ledgers: Vec<LedgerTotals>,
    /// Over the accounts of peers, posted credits less posted debits made by ordinary transfers: what flowed in
    /// from peers less what flowed out to them.
    pub peer_movement: String,
    /// The hash of the last entry, hexadecimal: kept elsewhere, it proves later that history was not rewritten.
    pub head_hash: String,
}

/// An entry that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BadEntry {
    /// Its number.
    pub seq: u64,
    /// The rule it breaks.
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
    /// Decimal, as JSON has no integers of 128 bits.
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
