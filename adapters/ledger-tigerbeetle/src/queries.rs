//! The past as the cluster keeps it, and what became of reservations, which the cluster tells only by its records.

use clock::Timestamp;
use ledger::{
    AccountId, Balances, LedgerFuture, LedgerQueries, LedgerUnavailable, PAGE_MAX, Totals, Transfer, TransferPage,
    TransferState,
};
use tigerbeetle as tb;

use crate::{BATCH_MAX, PAGE, TigerBeetleLedger, convert};

const BOTH_SIDES: tb::AccountFilterFlags =
    tb::AccountFilterFlags(tb::AccountFilterFlags::Debits.0 | tb::AccountFilterFlags::Credits.0);
const NEWEST_FIRST: tb::AccountFilterFlags = tb::AccountFilterFlags(BOTH_SIDES.0 | tb::AccountFilterFlags::Reversed.0);

impl TigerBeetleLedger {
    /// A transfer with its state. Of a reservation, the debit account's later records are searched for the one that
    /// settled it; without one, time decides.
    pub(crate) async fn with_state(&self, found: &tb::Transfer) -> Result<Transfer, LedgerUnavailable> {
        let created = convert::transfer_found(found);
        let timestamp = convert::instant(found.timestamp);
        let mut transfer = Transfer { created, state: TransferState::Single, timestamp };
        if !created.flags.pending {
            return Ok(transfer);
        }
        transfer.state = match self.settlement_of(found).await? {
            Some(settlement) if convert::transfer_found(&settlement).flags.post_pending_transfer => {
                TransferState::Posted
            }
            Some(_) => TransferState::Voided,
            None if transfer.expires_at().is_some_and(|at| at <= self.cluster.clock.now()) => TransferState::Expired,
            None => TransferState::Pending,
        };
        Ok(transfer)
    }

    async fn settlement_of(&self, reservation: &tb::Transfer) -> Result<Option<tb::Transfer>, LedgerUnavailable> {
        let lifetime = u64::from(reservation.timeout).saturating_mul(1_000_000_000);
        let mut filter = tb::AccountFilter {
            account_id: reservation.debit_account_id,
            code: reservation.code,
            timestamp_min: reservation.timestamp + 1,
            timestamp_max: if lifetime == 0 { 0 } else { reservation.timestamp.saturating_add(lifetime) },
            limit: PAGE,
            flags: tb::AccountFilterFlags::Debits,
            ..tb::AccountFilter::default()
        };
        loop {
            let records = self.cluster.ask(|client| client.get_account_transfers(filter)).await?;
            if let Some(settlement) = records.iter().find(|record| record.pending_id == reservation.id) {
                return Ok(Some(*settlement));
            }
            match records.last() {
                Some(last) if records.len() >= BATCH_MAX => filter.timestamp_min = last.timestamp + 1,
                _ => return Ok(None),
            }
        }
    }
}

impl LedgerQueries for TigerBeetleLedger {
    fn account_transfers(&self, account: AccountId, from: Option<u64>, limit: u32) -> LedgerFuture<'_, TransferPage> {
        Box::pin(async move {
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
            let mut page = TransferPage { transfers: Vec::with_capacity(records.len()), next };
            for record in &records {
                page.transfers.push(self.with_state(record).await?);
            }
            Ok(page)
        })
    }

    /// Only accounts created with `history` have a past here; of others, `None`.
    fn balances_at(&self, account: AccountId, at: Timestamp) -> LedgerFuture<'_, Option<Balances>> {
        Box::pin(async move {
            let keys = [account.as_u128()];
            let found = self.cluster.ask(|client| client.lookup_accounts(&keys)).await?;
            let Some(found) = found.first().map(convert::account_found) else { return Ok(None) };
            if at < found.timestamp || !found.created.flags.history {
                return Ok(None);
            }
            let filter = tb::AccountFilter {
                account_id: account.as_u128(),
                timestamp_max: convert::end_of(at),
                limit: 1,
                flags: NEWEST_FIRST,
                ..tb::AccountFilter::default()
            };
            let balances = self.cluster.ask(|client| client.get_account_balances(filter)).await?;
            Ok(Some(balances.first().map_or_else(Balances::default, |balance| Balances {
                debits_pending: balance.debits_pending,
                debits_posted: balance.debits_posted,
                credits_pending: balance.credits_pending,
                credits_posted: balance.credits_posted,
            })))
        })
    }
    fn totals(&self) -> LedgerFuture<'_, Totals> {
        Box::pin(self.sum_accounts())
    }
}
