//! The ledger of a process that has none, because another process keeps the accounts.
//!
//! Whoever asks it has made an error in this program, and gets no answer.

use ledger::{
    Account, AccountId, CreateAccountResult, CreateTransferResult, Ledger, LedgerFuture, LedgerUnavailable, NewAccount,
    NewTransfer, Transfer, TransferId,
};

/// It never answers.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoLedger;

fn none<'a, T: Send + 'a>() -> LedgerFuture<'a, T> {
    let reason = "the accounts are in another process of the wallet".to_owned();
    Box::pin(std::future::ready(Err(LedgerUnavailable { reason })))
}

impl Ledger for NoLedger {
    fn create_accounts(&self, _: Vec<NewAccount>) -> LedgerFuture<'_, Vec<CreateAccountResult>> {
        none()
    }

    fn submit(&self, _: Vec<NewTransfer>) -> LedgerFuture<'_, Vec<CreateTransferResult>> {
        none()
    }

    fn accounts(&self, _: Vec<AccountId>) -> LedgerFuture<'_, Vec<Option<Account>>> {
        none()
    }

    fn transfers(&self, _: Vec<TransferId>) -> LedgerFuture<'_, Vec<Option<Transfer>>> {
        none()
    }

    fn transfers_of(&self, _: AccountId, _: usize) -> LedgerFuture<'_, Vec<Transfer>> {
        none()
    }
}
