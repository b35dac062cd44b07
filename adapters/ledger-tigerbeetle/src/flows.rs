//! What transfers of one kind made flow through accounts of one kind.
//! Balances of single accounts are in `queries`.

use ledger::{LedgerUnavailable, TransferState};
use tigerbeetle as tb;

use crate::cluster::PAGE;
use crate::queries::BOTH_SIDES;
use crate::{TigerBeetleLedger, convert};

impl TigerBeetleLedger {
    /// Over all accounts of one code, the posted credits less the posted debits that transfers of another code made.
    ///
    /// Reads every such transfer: for checks, not for every request.
    pub async fn flow_into(&self, account_code: u16, transfer_code: u16) -> Result<i128, LedgerUnavailable> {
        let mut flow = 0i128;
        let mut accounts = tb::QueryFilter { code: account_code, limit: PAGE, ..tb::QueryFilter::default() };
        loop {
            let page = self.cluster.ask(|client| client.query_accounts(accounts)).await?;
            for account in &page {
                flow = flow.wrapping_add(self.flow_into_one(account.id, transfer_code).await?);
            }
            match page.last() {
                // A cluster may be configured for shorter answers than a page, so only an empty answer is the end.
                Some(last) => accounts.timestamp_min = last.timestamp + 1,
                _ => return Ok(flow),
            }
        }
    }

    async fn flow_into_one(&self, account: u128, transfer_code: u16) -> Result<i128, LedgerUnavailable> {
        let mut flow = 0i128;
        let mut filter = tb::AccountFilter {
            account_id: account,
            code: transfer_code,
            limit: PAGE,
            flags: BOTH_SIDES,
            ..tb::AccountFilter::default()
        };
        loop {
            let page = self.cluster.ask(|client| client.get_account_transfers(filter)).await?;
            for record in &page {
                let transfer = convert::transfer_found(record);
                if transfer.state == TransferState::Single && !transfer.created.flags.void_pending_transfer {
                    let amount = record.amount.cast_signed();
                    let signed = if record.credit_account_id == account { amount } else { amount.wrapping_neg() };
                    flow = flow.wrapping_add(signed);
                }
            }
            match page.last() {
                // A cluster may be configured for shorter answers than a page, so only an empty answer is the end.
                Some(last) => filter.timestamp_min = last.timestamp + 1,
                _ => return Ok(flow),
            }
        }
    }
}
