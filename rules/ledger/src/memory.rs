//! The whole ledger in memory: the state machine without any storage.
//!
//! It is for tests and simulations. Its content is lost when it is dropped.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clock::{Clock, Timestamp};

use crate::{
    Account, AccountId, Balances, Cause, CreateAccountResult, CreateTransferResult, Entry, Event, JournalPage, Ledger,
    LedgerFuture, LedgerJournal, LedgerQueries, NewAccount, NewTransfer, PAGE_MAX, Placed, Recorded, Totals, Transfer,
    TransferId, TransferPage, TransferState, WorkingSet,
};

/// A ledger that lives as long as the process.
pub struct MemoryLedger {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) set: WorkingSet,
    pub(crate) journal: Vec<Entry>,
    /// Reservations by expiry and entry. Settled ones are removed at their expiry.
    timeouts: BTreeSet<(Timestamp, u64, TransferId)>,
}

impl MemoryLedger {
    /// Makes an empty ledger that uses `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// All entries so far.
    pub fn journal(&self) -> Vec<Entry> {
        self.at_present().0.journal.clone()
    }

    /// The state with all due reservations expired, and its instant.
    pub(crate) fn at_present(&self) -> (MutexGuard<'_, State>, Timestamp) {
        // Only a broken invariant can cause a panic inside the lock. The entries made so far are still valid.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = state.set.head().instant(self.clock.now());
        while let Some(&due) = state.timeouts.first().filter(|(at, ..)| *at <= now) {
            state.timeouts.remove(&due);
            state.set.expire(now, due.2);
        }
        state.record();
        (state, now)
    }
}

impl State {
    /// Moves the set's new entries to the journal.
    fn record(&mut self) {
        for entry in self.set.take_entries() {
            if let Event::Moved(movement) = &entry.event
                && let Some(Recorded::Made { transfer, seq }) = self.set.transfer(movement.transfer.id)
                && let Some(at) = transfer.expires_at()
                && *seq == entry.seq
            {
                self.timeouts.insert((at, *seq, movement.transfer.id));
            }
            self.journal.push(entry);
        }
    }
}

impl State {
    /// The records from entry number `from` on.
    fn page<T>(&self, from: u64, record: impl Fn(&Entry) -> Option<T>) -> JournalPage<T> {
        let entries = self.journal.iter().skip_while(|entry| entry.seq < from);
        let placed = entries.filter_map(|entry| Some(Placed { place: entry.seq, record: record(entry)? }));
        let records: Vec<Placed<T>> = placed.take(PAGE_MAX as usize).collect();
        let next = records.last().map(|last| last.place + 1);
        JournalPage { records, next }
    }
}

impl Ledger for MemoryLedger {
    fn create_accounts(&self, accounts: Vec<NewAccount>) -> LedgerFuture<'_, Vec<CreateAccountResult>> {
        Box::pin(async move {
            let (mut state, now) = self.at_present();
            let results = state.set.create_accounts(now, &accounts);
            state.record();
            Ok(results)
        })
    }

    fn submit(&self, transfers: Vec<NewTransfer>) -> LedgerFuture<'_, Vec<CreateTransferResult>> {
        Box::pin(async move {
            let (mut state, now) = self.at_present();
            let results = state.set.create_transfers(now, &transfers);
            state.record();
            Ok(results)
        })
    }

    fn accounts(&self, ids: Vec<AccountId>) -> LedgerFuture<'_, Vec<Option<Account>>> {
        Box::pin(async move {
            let (state, _) = self.at_present();
            Ok(ids.into_iter().map(|id| state.set.account(id).map(|found| found.account)).collect())
        })
    }

    fn transfers(&self, ids: Vec<TransferId>) -> LedgerFuture<'_, Vec<Option<Transfer>>> {
        Box::pin(async move {
            let (state, _) = self.at_present();
            Ok(ids
                .into_iter()
                .map(|id| match state.set.transfer(id) {
                    Some(Recorded::Made { transfer, .. }) => Some(*transfer),
                    Some(Recorded::Spent) | None => None,
                })
                .collect())
        })
    }

    fn transfers_of(&self, account: AccountId, limit: usize) -> LedgerFuture<'_, Vec<Transfer>> {
        Box::pin(async move {
            let (state, _) = self.at_present();
            let made = state.journal.iter().rev().filter_map(|entry| match &entry.event {
                Event::Moved(movement) if movement.cause == Cause::Made => {
                    movement.posting_of(account).map(|_| movement.transfer.id)
                }
                _ => None,
            });
            let found = made.filter_map(|id| match state.set.transfer(id) {
                Some(Recorded::Made { transfer, .. }) => Some(*transfer),
                Some(Recorded::Spent) | None => None,
            });
            Ok(found.take(limit).collect())
        })
    }
}

impl LedgerQueries for MemoryLedger {
    fn account_transfers(&self, account: AccountId, from: Option<u64>, limit: u32) -> LedgerFuture<'_, TransferPage> {
        Box::pin(async move {
            let (state, _) = self.at_present();
            let limit = limit.clamp(1, PAGE_MAX) as usize;
            let mut found: Vec<_> = state
                .journal
                .iter()
                .rev()
                .filter(|entry| from.is_none_or(|from| entry.seq <= from))
                .filter_map(|entry| match &entry.event {
                    Event::Moved(movement) if !matches!(movement.cause, Cause::Expired { .. }) => {
                        movement.posting_of(account).map(|_| (entry.seq, movement.transfer.id))
                    }
                    _ => None,
                })
                .take(limit + 1)
                .collect();
            let next = (found.len() > limit).then(|| found.remove(limit).0);
            let transfers = found.iter().filter_map(|(_, id)| match state.set.transfer(*id) {
                Some(Recorded::Made { transfer, .. }) => Some(*transfer),
                Some(Recorded::Spent) | None => None,
            });
            Ok(TransferPage { transfers: transfers.collect(), next })
        })
    }

    fn balances_at(&self, account: AccountId, at: Timestamp) -> LedgerFuture<'_, Option<Balances>> {
        Box::pin(async move {
            let (state, _) = self.at_present();
            let until = state.journal.iter().take_while(|entry| entry.timestamp <= at);
            Ok(until.fold(None, |balances, entry| match &entry.event {
                Event::AccountCreated(created) if created.id == account => Some(Balances::default()),
                Event::Moved(movement) => movement.posting_of(account).map(|posting| posting.balances).or(balances),
                _ => balances,
            }))
        })
    }

    fn totals(&self) -> LedgerFuture<'_, Totals> {
        Box::pin(async move {
            let (state, _) = self.at_present();
            let mut totals = Totals::at_one_instant();
            state.set.accounts().for_each(|found| totals.add(&found.account));
            Ok(totals)
        })
    }
}

impl LedgerJournal for MemoryLedger {
    fn journal_of_accounts(&self, from: u64) -> LedgerFuture<'_, JournalPage<Account>> {
        Box::pin(async move {
            let (state, _) = self.at_present();
            Ok(state.page(from, |entry| match &entry.event {
                Event::AccountCreated(created) => state.set.account(created.id).map(|found| found.account),
                Event::Moved(_) | Event::IdSpent(_) => None,
            }))
        })
    }

    fn journal_of_transfers(&self, from: u64) -> LedgerFuture<'_, JournalPage<Transfer>> {
        Box::pin(async move {
            let (state, _) = self.at_present();
            Ok(state.page(from, |entry| match &entry.event {
                Event::Moved(movement) if !matches!(movement.cause, Cause::Expired { .. }) => {
                    let created = movement.transfer;
                    let state = if created.flags.pending { TransferState::Pending } else { TransferState::Single };
                    Some(Transfer { created, state, timestamp: entry.timestamp })
                }
                Event::Moved(_) | Event::AccountCreated(_) | Event::IdSpent(_) => None,
            }))
        })
    }
}

impl fmt::Debug for MemoryLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryLedger").finish_non_exhaustive()
    }
}
