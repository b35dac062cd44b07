//! Sums per ledger, and fingerprints of unordered rows.
//! What the sums must be is decided in `audit` and `sums`.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use ledger::Account;

use crate::report::LedgerTotals;

/// Sums `accounts` by ledger, modulo 2^128: two accounts together may exceed the limit of one account, and equal sums
/// stay equal.
pub(crate) fn by_ledger<'a>(accounts: impl IntoIterator<Item = &'a Account>) -> Vec<LedgerTotals> {
    let mut ledgers: BTreeMap<u32, LedgerTotals> = BTreeMap::new();
    for account in accounts {
        let ledger = account.created.ledger;
        let totals = ledgers.entry(ledger).or_insert_with(|| LedgerTotals { ledger, ..LedgerTotals::default() });
        totals.accounts += 1;
        totals.debits_pending = totals.debits_pending.wrapping_add(account.debits_pending);
        totals.debits_posted = totals.debits_posted.wrapping_add(account.debits_posted);
        totals.credits_pending = totals.credits_pending.wrapping_add(account.credits_pending);
        totals.credits_posted = totals.credits_posted.wrapping_add(account.credits_posted);
    }
    ledgers.into_values().collect()
}

impl LedgerTotals {
    /// Whether debits and credits are equal.
    pub(crate) fn balanced(&self) -> bool {
        self.debits_pending == self.credits_pending && self.debits_posted == self.credits_posted
    }
}

/// Compares two sets of rows without keeping either: by their number and the sum of their hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    rows: u64,
    sum: u64,
}

impl Fingerprint {
    pub(crate) fn add(&mut self, row: impl Hash) {
        let mut hasher = DefaultHasher::new();
        row.hash(&mut hasher);
        self.rows += 1;
        self.sum = self.sum.wrapping_add(hasher.finish());
    }
}
