//! A ledger whose times are told to collectors.
//!
//! It is used only if there are collectors. It changes nothing of what the ledger does.

use std::sync::Arc;

use ledger::{
    Account, AccountId, CreateAccountResult, CreateTransferResult, Ledger, LedgerFuture, NewAccount, NewTransfer,
    Transfer, TransferId,
};
use telemetry::{Probes, Stage};

struct TimedLedger {
    ledger: Arc<dyn Ledger>,
    probes: Probes,
    stage: Stage,
}

/// The ledger, with the times of its transfers told to collectors if there are any.
pub(super) fn timed(ledger: &Arc<dyn Ledger>, probes: Probes, config: &config::Backend) -> Arc<dyn Ledger> {
    if !probes.lead_anywhere() {
        return Arc::clone(ledger);
    }
    let stage = match config.accounting {
        config::Accounting::Sql => Stage::SqlTransfer,
        config::Accounting::TigerBeetle { .. } => Stage::TigerBeetleTransfer,
    };
    Arc::new(TimedLedger { ledger: Arc::clone(ledger), probes, stage })
}

impl Ledger for TimedLedger {
    fn create_accounts(&self, accounts: Vec<NewAccount>) -> LedgerFuture<'_, Vec<CreateAccountResult>> {
        self.ledger.create_accounts(accounts)
    }

    fn submit(&self, transfers: Vec<NewTransfer>) -> LedgerFuture<'_, Vec<CreateTransferResult>> {
        Box::pin(async move {
            let _timer = self.probes.stage(self.stage);
            self.ledger.submit(transfers).await
        })
    }

    fn accounts(&self, ids: Vec<AccountId>) -> LedgerFuture<'_, Vec<Option<Account>>> {
        self.ledger.accounts(ids)
    }

    fn transfers(&self, ids: Vec<TransferId>) -> LedgerFuture<'_, Vec<Option<Transfer>>> {
        self.ledger.transfers(ids)
    }

    fn transfers_of(&self, account: AccountId, limit: usize) -> LedgerFuture<'_, Vec<Transfer>> {
        self.ledger.transfers_of(account, limit)
    }
}
