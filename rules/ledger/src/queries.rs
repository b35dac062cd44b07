//! Questions about the past: an account's transfers, and its balances at an instant.
//!
//! For reports and the Admin API; no decision about money rests on them.

use clock::Timestamp;

use crate::{AccountId, Balances, LedgerFuture, Transfer};

/// The largest page of transfers.
pub const PAGE_MAX: u32 = 1000;

/// Some of an account's transfers, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransferPage {
    /// The transfers; posts and voids are records of their own.
    pub transfers: Vec<Transfer>,
    /// Where the next page begins; `None` if there is none.
    pub next: Option<u64>,
}

/// What a ledger tells about its past.
pub trait LedgerQueries: Send + Sync {
    /// The account's transfers, newest first: at most `limit` (no more than [`PAGE_MAX`]), from the `next` of the
    /// page before, or from the newest. Of an unknown account: none.
    fn account_transfers(&self, account: AccountId, from: Option<u64>, limit: u32) -> LedgerFuture<'_, TransferPage>;

    /// The account's totals as they were at `at`, everything of that instant included; `None` if it did not exist.
    fn balances_at(&self, account: AccountId, at: Timestamp) -> LedgerFuture<'_, Option<Balances>>;
}
