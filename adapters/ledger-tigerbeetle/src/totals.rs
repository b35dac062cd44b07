//! The sums over all accounts of the cluster, page by page.
//!
//! A page shows one instant. Where one page does not hold all accounts, they are read again until nothing has moved
//! between two readings, or patience ends.

use ledger::{LedgerUnavailable, Totals};
use tigerbeetle as tb;

use crate::cluster::PAGE;
use crate::{TigerBeetleLedger, convert};

/// Readings of all accounts after the first.
const READINGS: u32 = 4;

impl TigerBeetleLedger {
    /// The sums, of one instant if the cluster is quiet enough.
    pub(crate) async fn sum_accounts(&self) -> Result<Totals, LedgerUnavailable> {
        let mut before = self.newest_transfer().await?;
        let (mut totals, pages) = self.read_accounts().await?;
        totals.of_one_instant = pages == 1;
        for _ in 0..READINGS {
            if totals.of_one_instant {
                break;
            }
            let between = self.newest_transfer().await?;
            let (mut again, _) = self.read_accounts().await?;
            // Without a new transfer, balances change by expiry alone, and then only downwards: equal sums are those
            // of every instant from the end of the first reading to the start of the second.
            again.of_one_instant = again == totals && self.newest_transfer().await? == before;
            (before, totals) = (between, again);
        }
        Ok(totals)
    }

    /// Every account once, and how many pages they filled.
    async fn read_accounts(&self) -> Result<(Totals, u32), LedgerUnavailable> {
        let mut totals = Totals::over_some_time();
        let mut filter = tb::QueryFilter { limit: PAGE, ..tb::QueryFilter::default() };
        let mut pages = 0;
        loop {
            let page = self.cluster.ask(|client| client.query_accounts(filter)).await?;
            for found in &page {
                totals.add(&convert::account_found(found));
            }
            pages += 1;
            match page.last() {
                // A cluster may be configured for shorter answers than a page, so only an empty answer is the end.
                Some(last) => filter.timestamp_min = last.timestamp + 1,
                _ => return Ok((totals, pages)),
            }
        }
    }

    async fn newest_transfer(&self) -> Result<Option<u64>, LedgerUnavailable> {
        let filter = tb::QueryFilter { limit: 1, flags: tb::QueryFilterFlags::Reversed, ..tb::QueryFilter::default() };
        let newest = self.cluster.ask(|client| client.query_transfers(filter)).await?;
        Ok(newest.first().map(|transfer| transfer.timestamp))
    }
}
