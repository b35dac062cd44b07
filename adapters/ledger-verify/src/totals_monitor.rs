//! Watches a ledger that keeps its own journal, for example a TigerBeetle cluster: every ledger must sum to zero.
//!
//! It does not verify stored data: the cluster does that itself.

use std::fmt;
use std::sync::Arc;

use ledger::{LedgerQueries, LedgerTotals, Totals};

use crate::alarm::Alarm;
use crate::alarm_dedup::AlarmDedup;
use crate::error::VerifyError;
use crate::monitor::Scan;

/// Reads the sums of one ledger repeatedly.
pub struct TotalsMonitor {
    ledger: Arc<dyn LedgerQueries>,
    dedup: AlarmDedup,
}

impl TotalsMonitor {
    /// Makes a monitor of `ledger` that has read nothing yet.
    pub fn new(ledger: Arc<dyn LedgerQueries>) -> Self {
        Self { ledger, dedup: AlarmDedup::default() }
    }

    /// Reads once. Sums of several instants prove nothing. Then nothing is reported, and the next scan reads again.
    pub async fn scan(&mut self) -> Result<Scan, VerifyError> {
        let totals = self.ledger.totals().await.map_err(|error| VerifyError::Unavailable(error.reason))?;
        Ok(self.judge(&totals))
    }

    fn judge(&mut self, totals: &Totals) -> Scan {
        let accounts = totals.ledgers.iter().map(|ledger| ledger.accounts).sum();
        let unbalanced = totals.ledgers.iter().filter(|ledger| totals.of_one_instant && !ledger.is_balanced());
        let (faults, alarms) = self.dedup.new_of(unbalanced.map(alarm_of).collect());
        Scan { alarms, faults, accounts, ..Scan::default() }
    }
}

impl fmt::Debug for TotalsMonitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TotalsMonitor").finish_non_exhaustive()
    }
}

fn alarm_of(totals: &LedgerTotals) -> Alarm {
    let sums = totals.sums;
    let posted = sums.debits_posted.wrapping_sub(sums.credits_posted).cast_signed();
    let pending = sums.debits_pending.wrapping_sub(sums.credits_pending).cast_signed();
    Alarm::not_conserved(totals.ledger, posted, pending)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarm::AlarmKind;
    use ledger::{Balances, MemoryLedger};

    fn totals(of_one_instant: bool, debits_posted: u128, credits_posted: u128) -> Totals {
        let sums = Balances { debits_posted, credits_posted, ..Balances::default() };
        Totals { ledgers: vec![LedgerTotals { ledger: 7, accounts: 2, sums }], of_one_instant }
    }

    fn monitor() -> TotalsMonitor {
        TotalsMonitor::new(Arc::new(MemoryLedger::new(testkit::fixed_clock())))
    }

    #[test]
    fn money_that_appeared_is_reported_once_and_movements_during_the_sum_are_not() {
        let mut monitor = monitor();
        let moving = monitor.judge(&totals(false, 10, 13));
        assert_eq!((moving.alarms.len(), moving.faults), (0, 0));
        let found = monitor.judge(&totals(true, 10, 13));
        assert_eq!((found.alarms[0].kind, found.faults), (AlarmKind::NotConserved, 1));
        assert!(
            found.alarms[0].reason.contains("ledger 7 does not sum to zero: debits less credits are -3 posted"),
            "{}",
            found.alarms[0]
        );
        let later = monitor.judge(&totals(true, 110, 113));
        assert_eq!((later.alarms.len(), later.faults), (0, 1), "the same three are missing");
    }

    #[test]
    fn a_sound_ledger_raises_nothing() {
        let empty = futures::executor::block_on(monitor().scan()).expect("a ledger in memory answers");
        assert_eq!(empty, Scan::default());
        assert_eq!(monitor().judge(&totals(true, 10, 10)), Scan { accounts: 2, ..Scan::default() });
    }
}
