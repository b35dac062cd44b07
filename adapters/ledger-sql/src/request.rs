//! What callers ask of the leader, with the way back for the answer.

use ledger::{
    Account, AccountId, CreateAccountResult, CreateTransferResult, LedgerUnavailable, NewAccount, NewTransfer,
    Transfer, TransferId,
};
use tokio::sync::oneshot;

/// Where an answer goes. A caller that no longer waits is no fault.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, LedgerUnavailable>>;

/// A part of an account's history: what is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HistoryRequest {
    pub(crate) account: AccountId,
    /// The account's entry to begin with, going back; its newest if not said.
    pub(crate) through: Option<u64>,
}

/// A part of an account's history: what was found.
#[derive(Debug, Default)]
pub(crate) struct HistoryPart {
    /// Newest first.
    pub(crate) transfers: Vec<Transfer>,
    /// The account's entry to go on with; `None` at its beginning.
    pub(crate) next: Option<u64>,
}

/// One call of the `Ledger` trait.
pub(crate) enum Request {
    CreateAccounts(Vec<NewAccount>, Reply<Vec<CreateAccountResult>>),
    Submit(Vec<NewTransfer>, Reply<Vec<CreateTransferResult>>),
    Accounts(Vec<AccountId>, Reply<Vec<Option<Account>>>),
    Transfers(Vec<TransferId>, Reply<Vec<Option<Transfer>>>),
    History(HistoryRequest, Reply<HistoryPart>),
}

/// The answer to a request, by its kind.
pub(crate) enum Answer {
    CreateAccounts(Vec<CreateAccountResult>),
    Submit(Vec<CreateTransferResult>),
    Accounts(Vec<Option<Account>>),
    Transfers(Vec<Option<Transfer>>),
    History(HistoryPart),
}

impl Answer {
    /// Whether every transfer of it is recorded under its id, so that an id used before cannot have gone unseen.
    pub(crate) fn spends_its_ids(&self) -> bool {
        match self {
            Self::Submit(results) => {
                results.iter().all(|result| *result == CreateTransferResult::Created || result.is_transient())
            }
            Self::CreateAccounts(_) | Self::Accounts(_) | Self::Transfers(_) | Self::History(_) => true,
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
            Self::History(..) => 1,
        }
    }

    /// Answers the caller.
    pub(crate) fn reply(self, answer: Answer) {
        match (self, answer) {
            (Self::CreateAccounts(_, reply), Answer::CreateAccounts(results)) => drop(reply.send(Ok(results))),
            (Self::Submit(_, reply), Answer::Submit(results)) => drop(reply.send(Ok(results))),
            (Self::Accounts(_, reply), Answer::Accounts(found)) => drop(reply.send(Ok(found))),
            (Self::Transfers(_, reply), Answer::Transfers(found)) => drop(reply.send(Ok(found))),
            (Self::History(_, reply), Answer::History(found)) => drop(reply.send(Ok(found))),
            _ => unreachable!("an answer is made from its request"),
        }
    }

    /// Tells the caller that no answer can be given.
    pub(crate) fn refuse(self, reason: &str) {
        let unavailable = LedgerUnavailable { reason: reason.to_owned() };
        match self {
            Self::CreateAccounts(_, reply) => drop(reply.send(Err(unavailable))),
            Self::Submit(_, reply) => drop(reply.send(Err(unavailable))),
            Self::Accounts(_, reply) => drop(reply.send(Err(unavailable))),
            Self::Transfers(_, reply) => drop(reply.send(Err(unavailable))),
            Self::History(_, reply) => drop(reply.send(Err(unavailable))),
        }
    }
}
