//! The trait of every ledger engine.
//!
//! It has no implementation. There is one result per request, in the order of the requests, and it is durable before it
//! is returned.

use std::future::Future;
use std::pin::Pin;

use crate::{
    Account, AccountId, CreateAccountResult, CreateTransferResult, NewAccount, NewTransfer, Transfer, TransferId,
};

/// A future of the ledger. It is boxed, because every call does I/O.
pub type LedgerFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, LedgerUnavailable>> + Send + 'a>>;

/// The engine could not answer, so it is unknown whether the request took effect. Repeat it with the same ids.
#[derive(Debug, thiserror::Error)]
#[error("the ledger did not answer ({reason}); repeat the request with the same ids")]
pub struct LedgerUnavailable {
    /// What went wrong, for the log.
    pub reason: String,
}

/// A double-entry ledger with TigerBeetle's data model.
pub trait Ledger: Send + Sync {
    /// Creates accounts, in order. Linked chains succeed or fail together.
    fn create_accounts(&self, accounts: Vec<NewAccount>) -> LedgerFuture<'_, Vec<CreateAccountResult>>;

    /// Makes transfers, in order. Linked chains succeed or fail together.
    fn submit(&self, transfers: Vec<NewTransfer>) -> LedgerFuture<'_, Vec<CreateTransferResult>>;

    /// The accounts with these ids; `None` for an unknown id.
    fn accounts(&self, ids: Vec<AccountId>) -> LedgerFuture<'_, Vec<Option<Account>>>;

    /// The transfers with these ids; `None` for an unknown id.
    fn transfers(&self, ids: Vec<TransferId>) -> LedgerFuture<'_, Vec<Option<Transfer>>>;

    /// The newest transfers of an account, newest first, at most `limit`. Posts and voids are not listed. They show in
    /// the state of the transfer that they settled.
    fn transfers_of(&self, account: AccountId, limit: usize) -> LedgerFuture<'_, Vec<Transfer>>;
}
