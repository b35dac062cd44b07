//! All accounts and all transfers of the cluster, in the order in which it recorded them.
//! The place of a record is its timestamp in the cluster, in nanoseconds.

use ledger::{Account, JournalPage, LedgerFuture, LedgerJournal, Placed, Transfer};
use tigerbeetle as tb;

use crate::cluster::PAGE;
use crate::{TigerBeetleLedger, convert};

impl LedgerJournal for TigerBeetleLedger {
    fn journal_of_accounts(&self, from: u64) -> LedgerFuture<'_, JournalPage<Account>> {
        Box::pin(async move {
            let found = self.cluster.ask(|client| client.query_accounts(all_from(from))).await?;
            Ok(page(found.iter().map(|account| (account.timestamp, convert::account_found(account))).collect()))
        })
    }

    fn journal_of_transfers(&self, from: u64) -> LedgerFuture<'_, JournalPage<Transfer>> {
        Box::pin(async move {
            let found = self.cluster.ask(|client| client.query_transfers(all_from(from))).await?;
            Ok(page(found.iter().map(|transfer| (transfer.timestamp, convert::transfer_found(transfer))).collect()))
        })
    }
}

fn all_from(place: u64) -> tb::QueryFilter {
    tb::QueryFilter { limit: PAGE, timestamp_min: place, ..tb::QueryFilter::default() }
}

fn page<T>(found: Vec<(u64, T)>) -> JournalPage<T> {
    // A cluster may be configured for shorter answers than a page, so only an empty answer is the end.
    let next = found.last().map(|(place, _)| place + 1);
    JournalPage { records: found.into_iter().map(|(place, record)| Placed { place, record }).collect(), next }
}
