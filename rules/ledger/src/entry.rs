//! What the journal holds: one entry per account made, transfer made, reservation expired or id spent.
//!
//! Not the bytes an entry is stored as; those are in `record`.

use clock::Timestamp;

use crate::{Account, AccountId, NewAccount, NewTransfer, TransferId};

/// One numbered fact. Numbers start at 1 and have no gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the journal.
    pub seq: u64,
    /// When it happened; never earlier than the entry before.
    pub timestamp: Timestamp,
    /// What happened.
    pub event: Event,
}

/// What can happen in a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly every entry is a movement; a box would cost more than it saves")]
pub enum Event {
    /// An account was created.
    AccountCreated(NewAccount),
    /// Balances changed.
    Moved(Movement),
    /// A transfer was refused for a reason that may pass; its id is spent.
    IdSpent(TransferId),
}

/// A change of two balances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Movement {
    /// What moved them.
    pub cause: Cause,
    /// The transfer as recorded. Of an expiry: the transfer that expired.
    pub transfer: NewTransfer,
    /// The debit account after the movement.
    pub debit: Posting,
    /// The credit account after the movement.
    pub credit: Posting,
}

/// Why balances changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A single-phase transfer, or a reservation.
    Made,
    /// A post or void of the reservation made by entry `pending`.
    Settled {
        /// Number of the reservation's entry.
        pending: u64,
    },
    /// The reservation made by entry `pending` ran out.
    Expired {
        /// Number of the reservation's entry.
        pending: u64,
    },
}

/// The four totals of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balances {
    /// Debits reserved by pending transfers.
    pub debits_pending: u128,
    /// Debits made for good.
    pub debits_posted: u128,
    /// Credits reserved by pending transfers.
    pub credits_pending: u128,
    /// Credits made for good.
    pub credits_posted: u128,
}

/// One account's side of a movement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Posting {
    /// How many movements the account has had, this one included.
    pub ordinal: u64,
    /// Number of the account's entry before this one: its last movement, or its creation.
    pub previous: u64,
    /// The account's totals after the movement.
    pub balances: Balances,
}

/// An account together with its place in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountState {
    /// The account.
    pub account: Account,
    /// How many movements it has had.
    pub movements: u64,
    /// Number of its last movement's entry, or of its creation.
    pub last_entry: u64,
}

impl Account {
    /// The four totals.
    pub fn balances(&self) -> Balances {
        Balances {
            debits_pending: self.debits_pending,
            debits_posted: self.debits_posted,
            credits_pending: self.credits_pending,
            credits_posted: self.credits_posted,
        }
    }
}

impl Movement {
    /// The side of `account`, if it takes part.
    pub fn posting_of(&self, account: AccountId) -> Option<Posting> {
        if self.transfer.debit_account_id == account {
            Some(self.debit)
        } else if self.transfer.credit_account_id == account {
            Some(self.credit)
        } else {
            None
        }
    }
}
