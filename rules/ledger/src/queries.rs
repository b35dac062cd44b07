//! Queries for reports: an account's transfers, its balances at an instant, the sums over all accounts.
//!
//! They are not used for decisions about money.

use clock::Timestamp;

use crate::{AccountId, Balances, LedgerFuture, LedgerUnavailable, Totals, Transfer};

/// The largest page of transfers.
pub const PAGE_MAX: u32 = 1000;

/// A page of an account's transfers, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransferPage {
    /// The transfers. Posts and voids are records too.
    pub transfers: Vec<Transfer>,
    /// Where the next page begins; `None` if there is none.
    pub next: Option<u64>,
}

/// The queries of a ledger for reports.
pub trait LedgerQueries: Send + Sync {
    /// The account's transfers, the newest first: at most `limit` (no more than [`PAGE_MAX`]), from the `next` of the
    /// previous page, or from the newest. An unknown account has no transfers.
    fn account_transfers(&self, account: AccountId, from: Option<u64>, limit: u32) -> LedgerFuture<'_, TransferPage>;

    /// The account's totals at `at`, with everything of that instant; `None` if it did not exist.
    fn balances_at(&self, account: AccountId, at: Timestamp) -> LedgerFuture<'_, Option<Balances>>;

    /// The sums over all accounts, by ledger number. It reads every account, so it is for checks, not for every
    /// request.
    fn totals(&self) -> LedgerFuture<'_, Totals>;
}

/// The newest transfers of an account without posts and voids, at most `limit`. They are read page by page, so that
/// other callers of the ledger are served in between.
pub async fn newest_transfers(
    ledger: &dyn LedgerQueries,
    account: AccountId,
    limit: usize,
) -> Result<Vec<Transfer>, LedgerUnavailable> {
    /// The number of transfers of one query.
    const PAGE: u32 = 64;
    let (mut found, mut from) = (Vec::new(), None);
    while found.len() < limit {
        let page = ledger.account_transfers(account, from, PAGE).await?;
        found.extend(page.transfers.into_iter().filter(|transfer| {
            let flags = transfer.created.flags;
            !flags.post_pending_transfer && !flags.void_pending_transfer
        }));
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    found.truncate(limit);
    Ok(found)
}
