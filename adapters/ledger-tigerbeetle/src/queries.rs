//! Questions for reports: an account's transfers, its past, the sums over all accounts.
//! Sums of flows are in `flows`; writing is in `batches`.

use clock::Timestamp;
use ledger::{AccountId, Balances, LedgerFuture, LedgerQueries, PAGE_MAX, Totals, TransferPage};
use tigerbeetle as tb;

use crate::TigerBeetleLedger;

pub(crate) const BOTH_SIDES: tb::AccountFilterFlags =
    tb::AccountFilterFlags(tb::AccountFilterFlags::Debits.0 | tb::AccountFilterFlags::Credits.0);
pub(crate) const NEWEST_FIRST: tb::AccountFilterFlags =
    tb::AccountFilterFlags(BOTH_SIDES.0 | tb::AccountFilterFlags::Reversed.0);

impl LedgerQueries for TigerBeetleLedger {
    fn account_transfers(&self, account: AccountId, from: Option<u64>, limit: u32) -> LedgerFuture<'_, TransferPage> {
        Box::pin(async move {
            // To the cluster 0 is no limit in time; here it is a place before every transfer.
            if from == Some(0) {
                return Ok(TransferPage::default());
            }
            // One more than is shown. It is the beginning of the next page.
            let limit = limit.clamp(1, PAGE_MAX);
            let filter = tb::AccountFilter {
                account_id: account.as_u128(),
                timestamp_max: from.unwrap_or(0),
                limit: limit + 1,
                flags: NEWEST_FIRST,
                ..tb::AccountFilter::default()
            };
            let mut records = self.cluster.ask(|client| client.get_account_transfers(filter)).await?;
            let next = records.get(limit as usize).map(|record| record.timestamp);
            records.truncate(limit as usize);
            Ok(TransferPage { transfers: self.with_states(&records).await?, next })
        })
    }

    fn balances_at(&self, account: AccountId, at: Timestamp) -> LedgerFuture<'_, Option<Balances>> {
        Box::pin(self.past_balances(account, at))
    }

    fn totals(&self) -> LedgerFuture<'_, Totals> {
        Box::pin(self.sum_accounts())
    }
}
