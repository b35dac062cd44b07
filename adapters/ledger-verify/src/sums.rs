//! The sums of all accounts of each ledger, added slice by slice while the accounts change.
//!
//! It reads nothing. Accounts up to a cursor are summed. If one of them changes later, the change is added from the
//! journal. So when the cursor has passed the last account, the sums are those of one instant: the last scan's.

use std::collections::BTreeMap;

use ledger::{AccountId, Balances};

/// Unfinished sums.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sums {
    summed_through: AccountId,
    ledgers: BTreeMap<u32, Total>,
}

/// Modulo 2^128: sums that are equal stay equal.
#[derive(Clone, Copy, Debug, Default)]
struct Total {
    /// Debits less credits.
    pending: u128,
    posted: u128,
}

/// A ledger whose debits and credits differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unbalanced {
    pub(crate) ledger: u32,
    /// Pending debits less pending credits.
    pub(crate) pending: i128,
    /// Posted debits less posted credits.
    pub(crate) posted: i128,
}

impl Sums {
    /// The next slice begins after this account.
    pub(crate) fn summed_through(&self) -> AccountId {
        self.summed_through
    }

    /// Adds a movement that changed an account from `before` to `after`.
    pub(crate) fn moved(&mut self, account: AccountId, ledger: u32, before: Balances, after: Balances) {
        if account <= self.summed_through {
            let total = self.ledgers.entry(ledger).or_default();
            total.add(after);
            total.subtract(before);
        }
    }

    /// Adds the next account in the order of ids.
    pub(crate) fn stored(&mut self, account: AccountId, ledger: u32, balances: Balances) {
        self.summed_through = self.summed_through.max(account);
        self.ledgers.entry(ledger).or_default().add(balances);
    }

    /// Ends the sums: returns the ledgers that do not balance, and begins again.
    pub(crate) fn finish(&mut self) -> Vec<Unbalanced> {
        let ledgers = std::mem::take(self).ledgers.into_iter();
        let differences = ledgers.map(|(ledger, Total { pending, posted })| Unbalanced {
            ledger,
            pending: pending.cast_signed(),
            posted: posted.cast_signed(),
        });
        differences.filter(|ledger| (ledger.pending, ledger.posted) != (0, 0)).collect()
    }
}

impl Total {
    fn add(&mut self, balances: Balances) {
        self.pending = self.pending.wrapping_add(balances.debits_pending).wrapping_sub(balances.credits_pending);
        self.posted = self.posted.wrapping_add(balances.debits_posted).wrapping_sub(balances.credits_posted);
    }

    fn subtract(&mut self, balances: Balances) {
        self.pending = self.pending.wrapping_sub(balances.debits_pending).wrapping_add(balances.credits_pending);
        self.posted = self.posted.wrapping_sub(balances.debits_posted).wrapping_add(balances.credits_posted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn balances(debits_posted: u128, credits_posted: u128) -> Balances {
        Balances { debits_posted, credits_posted, ..Balances::default() }
    }

    fn account(id: u128) -> AccountId {
        AccountId::from_u128(id)
    }

    #[test]
    fn a_movement_between_slices_is_counted_once_wherever_its_accounts_are() {
        for (debit, credit) in [(1, 2), (2, 1), (1, 3), (3, 1), (3, 4), (4, 3)] {
            let mut accounts: BTreeMap<u128, Balances> = (1..=4).map(|id| (id, balances(0, 0))).collect();
            accounts.insert(1, balances(10, 0));
            accounts.insert(4, balances(0, 10));
            let mut sums = Sums::default();
            (1..=2).for_each(|id| sums.stored(account(id), 7, accounts[&id]));
            for (id, after) in [(debit, (5, 0)), (credit, (0, 5))] {
                let before = accounts[&id];
                let after = balances(before.debits_posted + after.0, before.credits_posted + after.1);
                sums.moved(account(id), 7, before, after);
                accounts.insert(id, after);
            }
            (3..=4).for_each(|id| sums.stored(account(id), 7, accounts[&id]));
            assert_eq!(sums.finish(), [], "{debit} to {credit}");
        }
    }

    #[test]
    fn an_unbalanced_ledger_is_reported_with_its_difference_and_the_next_round_begins_empty() {
        let mut sums = Sums::default();
        sums.stored(account(1), 7, balances(10, 0));
        sums.stored(account(2), 7, balances(0, 13));
        sums.stored(account(3), 8, balances(1, 1));
        assert_eq!(sums.finish(), [Unbalanced { ledger: 7, pending: 0, posted: -3 }]);
        assert_eq!((sums.summed_through(), sums.finish()), (AccountId::default(), vec![]));
    }
}
