//! The entries of the journal: one for each created account, created transfer, expired reservation or used id.
//!
//! It does not contain the stored octets of an entry: those are in `record`.

use clock::Timestamp;

use crate::{Account, AccountId, NewAccount, NewTransfer, TransferId};

/// One numbered fact. Numbers start at 1 and have no gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number in the journal.
    pub seq: u64,
    /// Its instant, which is never earlier than that of the entry before.
    pub timestamp: Timestamp,
    /// The event.
    pub event: Event,
}

/// The events of a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly every entry is a movement; a box would cost more than it saves")]
pub enum Event {
    /// An account was created.
    AccountCreated(NewAccount),
    /// Balances changed.
    Moved(Movement),
    /// A transfer was refused for a temporary reason. Its id cannot be used again.
    IdSpent(TransferId),
}

/// A change of two balances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Movement {
    /// The cause of the movement.
    pub cause: Cause,
    /// The transfer as recorded. For an expiry, it is the transfer that expired.
    pub transfer: NewTransfer,
    /// The debit account after the movement.
    pub debit: Posting,
    /// The credit account after the movement.
    pub credit: Posting,
}

/// The cause of a change of balances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A single-phase transfer, or a reservation.
    Made,
    /// A post or void of the reservation made by entry `pending`.
    Settled {
        /// Number of the reservation's entry.
        pending: u64,
    },
    /// The reservation made by entry `pending` has expired.
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
    /// Final debits.
    pub debits_posted: u128,
    /// Credits reserved by pending transfers.
    pub credits_pending: u128,
    /// Final credits.
    pub credits_posted: u128,
}

/// The side of one account in a movement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Posting {
    /// The number of movements of the account, with this one.
    pub ordinal: u64,
    /// The number of the account's entry before this one: its last movement, or its creation.
    pub previous: u64,
    /// The account's totals after the movement.
    pub balances: Balances,
}

/// An account with its place in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountState {
    /// The account.
    pub account: Account,
    /// The number of its movements.
    pub movements: u64,
    /// The number of its last entry: its last movement, or its creation.
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
    /// The side of `account`, if it takes part in the movement.
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
