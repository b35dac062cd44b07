//! What callers ask the leader for, with the channel for the answer.
//! How it is decided is in `leader`.

use clock::Timestamp;
use ledger::{
    Account, AccountId, Balances, CreateAccountResult, CreateTransferResult, LedgerUnavailable, NewAccount,
    NewTransfer, Transfer, TransferId, TransferPage,
};
use tokio::sync::oneshot;

/// Where an answer goes. It is not an error if the caller no longer waits.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, LedgerUnavailable>>;

/// One call of the `Ledger` trait.
pub(crate) enum Request {
    CreateAccounts(Vec<NewAccount>, Reply<Vec<CreateAccountResult>>),
    Submit(Vec<NewTransfer>, Reply<Vec<CreateTransferResult>>),
    Accounts(Vec<AccountId>, Reply<Vec<Option<Account>>>),
    Transfers(Vec<TransferId>, Reply<Vec<Option<Transfer>>>),
    History(AccountId, Option<u64>, u32, Reply<TransferPage>),
    BalancesAt(AccountId, Timestamp, Reply<Option<Balances>>),
}

/// The answer to a request, by its kind.
pub(crate) enum CallResult {
    CreateAccounts(Vec<CreateAccountResult>),
    Submit(Vec<CreateTransferResult>),
    Accounts(Vec<Option<Account>>),
    Transfers(Vec<Option<Transfer>>),
    History(TransferPage),
    BalancesAt(Option<Balances>),
}

impl CallResult {
    /// Whether every transfer in it is recorded under its id, so that an id that was used before would be noticed.
    pub(crate) fn spends_its_ids(&self) -> bool {
        match self {
            Self::Submit(results) => {
                results.iter().all(|result| *result == CreateTransferResult::Created || result.is_transient())
            }
            _ => true,
        }
    }
}

impl Request {
    /// How much of a batch it takes up.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::CreateAccounts(accounts, _) => accounts.len(),
            Self::Submit(transfers, _) => transfers.len(),
            Self::Accounts(ids, _) => ids.len(),
            Self::Transfers(ids, _) => ids.len(),
            Self::History(_, _, limit, _) => *limit as usize,
            Self::BalancesAt(..) => 1,
        }
    }

    /// Answers the caller.
    pub(crate) fn reply(self, answer: CallResult) {
        match (self, answer) {
            (Self::CreateAccounts(_, reply), CallResult::CreateAccounts(results)) => drop(reply.send(Ok(results))),
            (Self::Submit(_, reply), CallResult::Submit(results)) => drop(reply.send(Ok(results))),
            (Self::Accounts(_, reply), CallResult::Accounts(found)) => drop(reply.send(Ok(found))),
            (Self::Transfers(_, reply), CallResult::Transfers(found)) => drop(reply.send(Ok(found))),
            (Self::History(.., reply), CallResult::History(page)) => drop(reply.send(Ok(page))),
            (Self::BalancesAt(.., reply), CallResult::BalancesAt(balances)) => drop(reply.send(Ok(balances))),
            _ => unreachable!("an answer is made from its request"),
        }
    }

    /// Answers the caller with an error.
    pub(crate) fn refuse(self, reason: &str) {
        let unavailable = LedgerUnavailable { reason: reason.to_owned() };
        match self {
            Self::CreateAccounts(_, reply) => drop(reply.send(Err(unavailable))),
            Self::Submit(_, reply) => drop(reply.send(Err(unavailable))),
            Self::Accounts(_, reply) => drop(reply.send(Err(unavailable))),
            Self::Transfers(_, reply) => drop(reply.send(Err(unavailable))),
            Self::History(.., reply) => drop(reply.send(Err(unavailable))),
            Self::BalancesAt(.., reply) => drop(reply.send(Err(unavailable))),
        }
    }
}
