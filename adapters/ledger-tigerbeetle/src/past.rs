//! Balances at a past instant.
//!
//! The cluster keeps the balances after each transfer of accounts with `history`, but not after a reservation ran
//! out, and of other accounts only the transfers. What it does not keep is worked out from the transfers.

use std::collections::{HashMap, HashSet};

use clock::Timestamp;
use ledger::{AccountId, Balances, LedgerUnavailable};
use tigerbeetle as tb;

use crate::cluster::PAGE;
use crate::queries::{BOTH_SIDES, NEWEST_FIRST};
use crate::{TigerBeetleLedger, convert};

/// A reservation undecided at some instant.
#[derive(Clone, Copy)]
struct Open {
    debits: bool,
    amount: u128,
    /// Nanoseconds; `None` if it never runs out.
    until: Option<u64>,
}

impl Open {
    fn of(account: u128, reservation: &tb::Transfer) -> Self {
        let lifetime = u64::from(reservation.timeout).saturating_mul(1_000_000_000);
        let until = (lifetime > 0).then(|| reservation.timestamp.saturating_add(lifetime));
        Self { debits: reservation.debit_account_id == account, amount: reservation.amount, until }
    }

    /// Whether it still holds at this nanosecond.
    fn holds_at(&self, at: u64) -> bool {
        self.until.is_none_or(|until| until > at)
    }
}

impl TigerBeetleLedger {
    pub(crate) async fn past_balances(
        &self,
        account: AccountId,
        at: Timestamp,
    ) -> Result<Option<Balances>, LedgerUnavailable> {
        let keys = [account.as_u128()];
        let found = self.cluster.ask(|client| client.lookup_accounts(&keys)).await?;
        let Some(found) = found.first() else { return Ok(None) };
        if at < convert::instant(found.timestamp) {
            return Ok(None);
        }
        let (account, at) = (found.id, convert::end_of(at));
        if convert::account_found(found).created.flags.history {
            self.told_by_history(account, at).await.map(Some)
        } else {
            self.told_by_transfers(account, at).await.map(Some)
        }
    }

    /// The balances the cluster kept last, less the reservations that ran out since.
    async fn told_by_history(&self, account: u128, at: u64) -> Result<Balances, LedgerUnavailable> {
        let filter = tb::AccountFilter {
            account_id: account,
            timestamp_max: at,
            limit: 1,
            flags: NEWEST_FIRST,
            ..tb::AccountFilter::default()
        };
        let kept = self.cluster.ask(|client| client.get_account_balances(filter)).await?;
        let Some(kept) = kept.first() else { return Ok(Balances::default()) };
        let mut balances = Balances {
            debits_pending: kept.debits_pending,
            debits_posted: kept.debits_posted,
            credits_pending: kept.credits_pending,
            credits_posted: kept.credits_posted,
        };
        if balances.debits_pending > 0 || balances.credits_pending > 0 {
            let open = self.open_at(account, kept.timestamp, &balances).await?;
            count_pending(&mut balances, open.into_iter(), at);
        }
        Ok(balances)
    }

    /// The reservations that make up the pending sides of `balances`, which stood at `at`, newest first.
    async fn open_at(&self, account: u128, at: u64, balances: &Balances) -> Result<Vec<Open>, LedgerUnavailable> {
        let (mut open, mut settled) = (Vec::new(), HashSet::new());
        let mut sought = (balances.debits_pending, balances.credits_pending);
        let mut page = Page::new(account, at, NEWEST_FIRST);
        while sought != (0, 0)
            && let Some(records) = page.next(self).await?
        {
            for record in &records {
                let created = convert::transfer_found(record).created;
                let reservation = Open::of(account, record);
                if !created.flags.pending {
                    settled.insert(record.pending_id);
                } else if reservation.holds_at(at) && !settled.contains(&record.id) {
                    let side = if reservation.debits { &mut sought.0 } else { &mut sought.1 };
                    *side = side.saturating_sub(reservation.amount);
                    open.push(reservation);
                }
            }
        }
        Ok(open)
    }

    /// Every transfer up to `at` added up.
    async fn told_by_transfers(&self, account: u128, at: u64) -> Result<Balances, LedgerUnavailable> {
        let mut balances = Balances::default();
        let mut open: HashMap<u128, Open> = HashMap::new();
        let mut page = Page::new(account, at, BOTH_SIDES);
        while let Some(records) = page.next(self).await? {
            for record in &records {
                let flags = convert::transfer_found(record).created.flags;
                if flags.pending {
                    open.insert(record.id, Open::of(account, record));
                    continue;
                }
                open.remove(&record.pending_id);
                if !flags.void_pending_transfer {
                    let debits = record.debit_account_id == account;
                    *(if debits { &mut balances.debits_posted } else { &mut balances.credits_posted }) += record.amount;
                }
            }
        }
        count_pending(&mut balances, open.into_values(), at);
        Ok(balances)
    }
}

/// Sets the pending sides to what still holds at `at`.
fn count_pending(balances: &mut Balances, open: impl Iterator<Item = Open>, at: u64) {
    (balances.debits_pending, balances.credits_pending) = (0, 0);
    for reservation in open.filter(|reservation| reservation.holds_at(at)) {
        let side = if reservation.debits { &mut balances.debits_pending } else { &mut balances.credits_pending };
        *side += reservation.amount;
    }
}

/// An account's transfers up to an instant, page by page.
struct Page {
    filter: tb::AccountFilter,
    newest_first: bool,
    over: bool,
}

impl Page {
    fn new(account: u128, at: u64, flags: tb::AccountFilterFlags) -> Self {
        let filter = tb::AccountFilter {
            account_id: account,
            timestamp_max: at,
            limit: PAGE,
            flags,
            ..tb::AccountFilter::default()
        };
        Self { filter, newest_first: flags == NEWEST_FIRST, over: false }
    }

    async fn next(&mut self, ledger: &TigerBeetleLedger) -> Result<Option<Vec<tb::Transfer>>, LedgerUnavailable> {
        if self.over {
            return Ok(None);
        }
        let filter = self.filter;
        let records = ledger.cluster.ask(|client| client.get_account_transfers(filter)).await?;
        // A cluster may be configured for shorter answers than a page, so only an empty answer is the end.
        self.over = records.is_empty();
        if let Some(last) = records.last() {
            if self.newest_first {
                self.filter.timestamp_max = last.timestamp - 1;
            } else {
                self.filter.timestamp_min = last.timestamp + 1;
                // An interval that is empty is not a valid one.
                self.over |= self.filter.timestamp_min > self.filter.timestamp_max;
            }
        }
        Ok(Some(records))
    }
}
