//! The effect of a movement on the totals of its two accounts.
//!
//! It is written from the meaning of the journal only, and does not use the code that writes it.

use ledger::{AccountFlags, AccountId, Balances, Cause, Entry, Event, NewTransfer};

/// The effect of a movement, which is the same on both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) reserved: u128,
    pub(crate) released: u128,
    pub(crate) posted: u128,
}

impl Change {
    /// The effect of a new `transfer`.
    pub(crate) fn made(transfer: &NewTransfer) -> Self {
        if transfer.flags.pending {
            Self { reserved: transfer.amount, ..Self::default() }
        } else {
            Self { posted: transfer.amount, ..Self::default() }
        }
    }

    /// The effect of a `transfer` that decides the reservation `reserved`, for the reason `cause`.
    pub(crate) fn decided(cause: Cause, transfer: &NewTransfer, reserved: &NewTransfer) -> Self {
        let posts = matches!(cause, Cause::Settled { .. }) && transfer.flags.post_pending_transfer;
        Self { released: reserved.amount, posted: if posts { transfer.amount } else { 0 }, ..Self::default() }
    }

    /// The debit account's totals after the change; `None` if they would exceed their range.
    pub(crate) fn debit(&self, before: Balances) -> Option<Balances> {
        let (debits_pending, debits_posted) = self.apply(before.debits_pending, before.debits_posted)?;
        Some(Balances { debits_pending, debits_posted, ..before })
    }

    /// The credit account's totals after the change; `None` if they would exceed their range.
    pub(crate) fn credit(&self, before: Balances) -> Option<Balances> {
        let (credits_pending, credits_posted) = self.apply(before.credits_pending, before.credits_posted)?;
        Some(Balances { credits_pending, credits_posted, ..before })
    }

    fn apply(&self, pending: u128, posted: u128) -> Option<(u128, u128)> {
        let pending = pending.checked_add(self.reserved)?.checked_sub(self.released)?;
        Some((pending, posted.checked_add(self.posted)?))
    }
}

/// Whether an account with these flags may have these totals.
pub(crate) fn within_limits(flags: AccountFlags, balances: Balances) -> bool {
    let Balances { debits_pending, debits_posted, credits_pending, credits_posted } = balances;
    let (Some(debits), Some(credits)) =
        (debits_pending.checked_add(debits_posted), credits_pending.checked_add(credits_posted))
    else {
        return false;
    };
    (!flags.debits_must_not_exceed_credits || debits <= credits_posted)
        && (!flags.credits_must_not_exceed_debits || credits <= debits_posted)
}

/// The number of movements of an account, and its totals after an entry.
pub(crate) fn standing(entry: &Entry, account: AccountId) -> Option<(u64, Balances)> {
    match &entry.event {
        Event::Moved(movement) => movement.posting_of(account).map(|posting| (posting.ordinal, posting.balances)),
        Event::AccountCreated(created) => (created.id == account).then(|| (0, Balances::default())),
        Event::IdSpent(_) => None,
    }
}
