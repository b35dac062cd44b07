//! Everything that a ledger has recorded, in the order of recording: what a move to another ledger reads.
//!
//! Queries about one account are in `queries`.

use crate::{Account, LedgerFuture, Transfer};

/// A record and its place. Later records have larger places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed<T> {
    /// The place. Its meaning is the engine's.
    pub place: u64,
    /// The record.
    pub record: T,
}

/// A page of records, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalPage<T> {
    /// The records.
    pub records: Vec<Placed<T>>,
    /// Where the next page begins; `None` if this was the last.
    pub next: Option<u64>,
}

/// A ledger that lists everything it has recorded.
pub trait LedgerJournal: Send + Sync {
    /// The accounts from a place on; 0 is before the first.
    fn journal_of_accounts(&self, from: u64) -> LedgerFuture<'_, JournalPage<Account>>;

    /// The transfers from a place on; 0 is before the first. Posts and voids are records of their own. A reservation is
    /// shown as pending, even if a later record has settled it.
    fn journal_of_transfers(&self, from: u64) -> LedgerFuture<'_, JournalPage<Transfer>>;
}
