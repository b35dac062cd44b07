//! The part of a ledger that a batch uses, and the entries that the batch adds to the journal.
//!
//! It has no storage and no locks: those are the engine's. The engine loads all accounts and transfers that the batch
//! names, and the reservations that these name, with their accounts. An account or transfer that is not loaded counts
//! as absent.

use std::collections::HashMap;

use clock::Timestamp;

use crate::{Account, AccountId, AccountState, Cause, Entry, Event, Movement, NewTransfer, Posting};
use crate::{Transfer, TransferId, TransferState};

/// The end of a journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The number of the last entry; 0 for an empty journal.
    pub seq: u64,
    /// The instant of the last entry.
    pub timestamp: Timestamp,
}

/// The record of a used transfer id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// The transfer was made by entry `seq`.
    Made {
        /// Number of its entry.
        seq: u64,
        /// The transfer.
        transfer: Transfer,
    },
    /// It was refused for a temporary reason. The id cannot be used again.
    Spent,
}

/// The loaded part of a ledger. The module's comment says what must be loaded.
#[derive(Clone, Debug, Default)]
pub struct WorkingSet {
    accounts: HashMap<AccountId, AccountState>,
    transfers: HashMap<TransferId, Recorded>,
    head: Head,
    entries: Vec<Entry>,
    scope: Option<Scope>,
}

/// The changes of a linked chain so far, so that they can be undone.
#[derive(Clone, Debug)]
struct Scope {
    entries: usize,
    head: Head,
    undo: Vec<Undo>,
}

#[derive(Clone, Copy, Debug)]
enum Undo {
    NewAccount(AccountId),
    Account(AccountState),
    NewTransfer(TransferId),
    TransferState(TransferId, TransferState),
}

impl WorkingSet {
    /// Makes an empty part of the ledger that ends at `head`.
    pub fn new(head: Head) -> Self {
        Self { head, ..Self::default() }
    }

    /// The end of the journal, with this set's entries.
    pub fn head(&self) -> Head {
        self.head
    }

    /// Adds a loaded account.
    pub fn load_account(&mut self, state: AccountState) {
        self.accounts.insert(state.account.created.id, state);
    }

    /// Adds a loaded transfer.
    pub fn load_transfer(&mut self, id: TransferId, recorded: Recorded) {
        self.transfers.insert(id, recorded);
    }

    /// The account with this id.
    pub fn account(&self, id: AccountId) -> Option<&AccountState> {
        self.accounts.get(&id)
    }

    /// The transfer with this id.
    pub fn transfer(&self, id: TransferId) -> Option<&Recorded> {
        self.transfers.get(&id)
    }

    /// All loaded accounts. An account has changed if its `last_entry` is beyond the head with which this set began.
    pub fn accounts(&self) -> impl Iterator<Item = &AccountState> {
        self.accounts.values()
    }

    /// All loaded transfers.
    pub fn transfers(&self) -> impl Iterator<Item = (&TransferId, &Recorded)> {
        self.transfers.iter()
    }

    /// The entries made since the set was created or since the last call.
    pub fn take_entries(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.entries)
    }

    /// Expires a reservation if it is still undecided and due. Returns whether it did.
    ///
    /// The entry has the instant of the expiry, so that the past is exact even if the ledger was not used at that
    /// instant. Due reservations must be expired in the order of their expiry.
    pub fn expire(&mut self, now: Timestamp, id: TransferId) -> bool {
        let Some(Recorded::Made { seq, transfer }) = self.transfers.get(&id).copied() else { return false };
        let Some(due) = transfer.expires_at().filter(|at| *at <= now) else { return false };
        if transfer.state != TransferState::Pending {
            return false;
        }
        let released = transfer.created.amount;
        self.settle_state(id, TransferState::Expired);
        self.post(self.head.instant(due), Cause::Expired { pending: seq }, transfer.created, |debit, credit| {
            debit.debits_pending -= released;
            credit.credits_pending -= released;
        });
        true
    }

    pub(crate) fn open_scope(&mut self) {
        debug_assert!(self.scope.is_none(), "chains do not nest");
        self.scope = Some(Scope { entries: self.entries.len(), head: self.head, undo: Vec::new() });
    }

    pub(crate) fn keep_scope(&mut self) {
        self.scope = None;
    }

    pub(crate) fn discard_scope(&mut self) {
        let Some(scope) = self.scope.take() else { return };
        self.entries.truncate(scope.entries);
        self.head = scope.head;
        for step in scope.undo.into_iter().rev() {
            match step {
                Undo::NewAccount(id) => {
                    self.accounts.remove(&id);
                }
                Undo::Account(state) => {
                    self.accounts.insert(state.account.created.id, state);
                }
                Undo::NewTransfer(id) => {
                    self.transfers.remove(&id);
                }
                Undo::TransferState(id, state) => self.set_state(id, state),
            }
        }
    }

    pub(crate) fn add_account(&mut self, now: Timestamp, account: Account) {
        let id = account.created.id;
        let seq = self.journal(now, Event::AccountCreated(account.created));
        self.remember(Undo::NewAccount(id));
        self.accounts.insert(id, AccountState { account, movements: 0, last_entry: seq });
    }

    pub(crate) fn spend_id(&mut self, now: Timestamp, id: TransferId) {
        self.journal(now, Event::IdSpent(id));
        self.transfers.insert(id, Recorded::Spent);
    }

    /// Records a transfer and moves the totals of its two accounts, which must be loaded.
    pub(crate) fn add_transfer(
        &mut self,
        now: Timestamp,
        cause: Cause,
        created: NewTransfer,
        move_totals: impl FnOnce(&mut Account, &mut Account),
    ) {
        let state = if created.flags.pending { TransferState::Pending } else { TransferState::Single };
        let transfer = Transfer { created, state, timestamp: now };
        let seq = self.post(now, cause, created, move_totals);
        self.remember(Undo::NewTransfer(created.id));
        self.transfers.insert(created.id, Recorded::Made { seq, transfer });
    }

    /// Gives a reservation its final state.
    pub(crate) fn settle_state(&mut self, pending: TransferId, state: TransferState) {
        self.remember(Undo::TransferState(pending, TransferState::Pending));
        self.set_state(pending, state);
    }

    fn set_state(&mut self, id: TransferId, to: TransferState) {
        if let Some(Recorded::Made { transfer, .. }) = self.transfers.get_mut(&id) {
            transfer.state = to;
        }
    }

    fn post(
        &mut self,
        now: Timestamp,
        cause: Cause,
        transfer: NewTransfer,
        move_totals: impl FnOnce(&mut Account, &mut Account),
    ) -> u64 {
        let ids = [transfer.debit_account_id, transfer.credit_account_id];
        let [Some(debit), Some(credit)] = self.accounts.get_disjoint_mut([&ids[0], &ids[1]]) else {
            unreachable!("the accounts of a recorded transfer are loaded");
        };
        let before = [*debit, *credit];
        move_totals(&mut debit.account, &mut credit.account);
        let seq = self.head.seq + 1;
        let [debit, credit] = [debit, credit].map(|state| {
            state.movements += 1;
            let previous = std::mem::replace(&mut state.last_entry, seq);
            Posting { ordinal: state.movements, previous, balances: state.account.balances() }
        });
        for state in before {
            self.remember(Undo::Account(state));
        }
        self.journal(now, Event::Moved(Movement { cause, transfer, debit, credit }))
    }

    #[expect(clippy::large_types_passed_by_value, reason = "the event is built in place and moved into the journal")]
    fn journal(&mut self, now: Timestamp, event: Event) -> u64 {
        let seq = self.head.seq + 1;
        self.head = Head { seq, timestamp: now };
        self.entries.push(Entry { seq, timestamp: now, event });
        seq
    }

    fn remember(&mut self, step: Undo) {
        if let Some(scope) = &mut self.scope {
            scope.undo.push(step);
        }
    }
}

impl Head {
    /// The instant of a batch that arrives at `now`. Instants in the journal never decrease.
    pub fn instant(self, now: Timestamp) -> Timestamp {
        self.timestamp.max(now)
    }
}
