//! A ledger whose movements are signalled to those who follow changes of the store.
//!
//! It changes nothing of what the ledger does. Movements by time-out are not signalled.

use std::sync::Arc;

use database::Database;
use ledger::{
    Account, AccountId, CreateAccountResult, CreateTransferResult, Ledger, LedgerFuture, NewAccount, NewTransfer,
    Transfer, TransferId,
};

use crate::Store;
use crate::scope::CHANGES;

struct TellingLedger {
    ledger: Arc<dyn Ledger>,
    database: Database,
}

impl Store {
    /// The ledger of this store's money, with its movements signalled to [`Store::follow_changes`] of every process. So it
    /// does not matter which engine the ledger is.
    pub fn telling(&self, ledger: Arc<dyn Ledger>) -> Arc<dyn Ledger> {
        Arc::new(TellingLedger { ledger, database: self.database().clone() })
    }
}

impl Ledger for TellingLedger {
    fn create_accounts(&self, accounts: Vec<NewAccount>) -> LedgerFuture<'_, Vec<CreateAccountResult>> {
        self.ledger.create_accounts(accounts)
    }

    fn submit(&self, transfers: Vec<NewTransfer>) -> LedgerFuture<'_, Vec<CreateTransferResult>> {
        Box::pin(async move {
            let results = self.ledger.submit(transfers).await;
            // After an error it is unknown what was moved.
            if results.as_ref().map_or(true, |results| results.contains(&CreateTransferResult::Created)) {
                self.database.tell(CHANGES);
            }
            results
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
