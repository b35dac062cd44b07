//! Sums over all accounts of each ledger number. Every transfer debits and credits the same amount, so both sums are
//! equal.
//!
//! They are for reports and checks, and not used for decisions about money.

use crate::{Account, Balances};

/// The sums over all accounts of a ledger, by ledger number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals {
    /// In order of ledger number; numbers without accounts are left out.
    pub ledgers: Vec<LedgerTotals>,
    /// Whether all accounts were read at one instant. Otherwise balances changed during the summing. Then different
    /// sums prove nothing, and the caller must ask again.
    pub of_one_instant: bool,
}

/// The sums over the accounts of one ledger number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerTotals {
    /// The ledger number.
    pub ledger: u32,
    /// Number of accounts.
    pub accounts: u64,
    /// The sums, modulo 2^128: two accounts together may exceed the limit of one account, and equal sums stay equal.
    pub sums: Balances,
}

impl Totals {
    /// Empty sums of a ledger that does not change during the summing.
    pub fn at_one_instant() -> Self {
        Self { ledgers: Vec::new(), of_one_instant: true }
    }

    /// Empty sums of a ledger that may change during the summing.
    pub fn over_some_time() -> Self {
        Self { ledgers: Vec::new(), of_one_instant: false }
    }

    /// Adds an account.
    pub fn add(&mut self, account: &Account) {
        let ledger = account.created.ledger;
        let at = match self.ledgers.binary_search_by_key(&ledger, |totals| totals.ledger) {
            Ok(at) => at,
            Err(at) => {
                self.ledgers.insert(at, LedgerTotals { ledger, ..LedgerTotals::default() });
                at
            }
        };
        let totals = &mut self.ledgers[at];
        totals.accounts += 1;
        totals.sums = totals.sums.wrapping_add(account.balances());
    }

    /// Whether debits and credits are equal on every ledger.
    pub fn are_balanced(&self) -> bool {
        self.ledgers.iter().all(LedgerTotals::is_balanced)
    }
}

impl LedgerTotals {
    /// Whether debits and credits are equal, pending and posted.
    pub fn is_balanced(&self) -> bool {
        self.sums.debits_pending == self.sums.credits_pending && self.sums.debits_posted == self.sums.credits_posted
    }
}

impl Balances {
    fn wrapping_add(self, other: Self) -> Self {
        Self {
            debits_pending: self.debits_pending.wrapping_add(other.debits_pending),
            debits_posted: self.debits_posted.wrapping_add(other.debits_posted),
            credits_pending: self.credits_pending.wrapping_add(other.credits_pending),
            credits_posted: self.credits_posted.wrapping_add(other.credits_posted),
        }
    }
}
