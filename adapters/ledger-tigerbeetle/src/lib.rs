//! The ledger on a TigerBeetle cluster.
//!
//! The client waits for ever by design; here every call has a deadline, and a cluster that does not answer is left
//! alone for a while. The rules of the ledger are the cluster's own.

mod batches;
mod breaker;
mod convert;
mod queries;
mod totals;

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clock::Clock;
use ledger::{
    Account, AccountId, CreateAccountResult, CreateTransferResult, Ledger, LedgerFuture, LedgerUnavailable, NewAccount,
    NewTransfer, Transfer, TransferId, newest_transfers,
};
use tigerbeetle as tb;
use tokio::sync::{mpsc, oneshot};

use crate::batches::{Submission, merge};
use crate::breaker::Breaker;

/// Events in one request, the protocol's limit.
pub(crate) const BATCH_MAX: usize = PAGE as usize;
/// Rows in one answer, the protocol's limit.
pub(crate) const PAGE: u32 = 8189;
/// How many submissions may wait before callers are held back.
const QUEUE: usize = 4096;

/// The cluster could not be joined.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The addresses or this machine do not allow a client.
    #[error("no TigerBeetle client for {addresses:?}: {reason}")]
    Client {
        /// As configured.
        addresses: String,
        /// What the client says.
        reason: String,
    },
}

/// A ledger kept by a TigerBeetle cluster.
pub struct TigerBeetleLedger {
    cluster: Arc<Cluster>,
    submissions: mpsc::Sender<Submission>,
}

/// The client behind its deadline and breaker.
pub(crate) struct Cluster {
    client: tb::Client,
    clock: Arc<dyn Clock>,
    deadline: Duration,
    breaker: Mutex<Breaker>,
}

impl TigerBeetleLedger {
    /// A client of the cluster `cluster_id` at `addresses` (comma separated, `host:port`). Does not wait for it.
    ///
    /// `deadline` bounds every call. Must be called within a tokio runtime.
    pub fn join(
        cluster_id: u128,
        addresses: &str,
        deadline: Duration,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, JoinError> {
        let client = tb::Client::new(cluster_id, addresses)
            .map_err(|error| JoinError::Client { addresses: addresses.to_owned(), reason: error.to_string() })?;
        let cluster = Arc::new(Cluster { client, clock, deadline, breaker: Mutex::default() });
        let (submissions, queue) = mpsc::channel(QUEUE);
        tokio::spawn(merge(Arc::clone(&cluster), queue));
        Ok(Self { cluster, submissions })
    }

    /// Whether the cluster answers now.
    pub async fn ready(&self) -> bool {
        self.cluster.ask(|client| client.lookup_accounts(&[1])).await.is_ok()
    }
}

impl Cluster {
    /// One request under the deadline, if the breaker lets it through.
    ///
    /// A request that was not answered in time may still take effect later; its caller must repeat it.
    pub(crate) async fn ask<T, F>(&self, request: impl FnOnce(&tb::Client) -> F) -> Result<T, LedgerUnavailable>
    where
        F: Future<Output = Result<T, tb::Error>>,
    {
        let unavailable = |reason: String| LedgerUnavailable { reason };
        if !self.breaker(Breaker::allows) {
            return Err(unavailable("the TigerBeetle cluster did not answer lately".to_owned()));
        }
        if let Ok(answer) = tokio::time::timeout(self.deadline, request(&self.client)).await {
            self.breaker(|breaker, _| breaker.answered());
            answer.map_err(|error| unavailable(error.to_string()))
        } else {
            self.breaker(Breaker::unanswered);
            let waited = self.deadline;
            tracing::error!(?waited, "the TigerBeetle cluster does not answer");
            Err(unavailable(format!("the TigerBeetle cluster did not answer within {waited:?}")))
        }
    }

    fn breaker<T>(&self, act: impl FnOnce(&mut Breaker, clock::Timestamp) -> T) -> T {
        let now = self.clock.now();
        act(&mut self.breaker.lock().unwrap_or_else(PoisonError::into_inner), now)
    }
}

impl Ledger for TigerBeetleLedger {
    fn create_accounts(&self, accounts: Vec<NewAccount>) -> LedgerFuture<'_, Vec<CreateAccountResult>> {
        Box::pin(async move {
            let events: Vec<_> = accounts.iter().map(convert::account).collect();
            let results = self.cluster.ask(|client| client.create_accounts(&events)).await?;
            results.into_iter().map(|result| convert::account_result(result.status)).collect()
        })
    }

    fn submit(&self, transfers: Vec<NewTransfer>) -> LedgerFuture<'_, Vec<CreateTransferResult>> {
        Box::pin(async move {
            let stopped = || LedgerUnavailable { reason: "the ledger has stopped".to_owned() };
            let (reply, answer) = oneshot::channel();
            self.submissions.send(Submission { transfers, reply }).await.map_err(|_| stopped())?;
            answer.await.map_err(|_| stopped())?
        })
    }

    fn accounts(&self, ids: Vec<AccountId>) -> LedgerFuture<'_, Vec<Option<Account>>> {
        Box::pin(async move {
            let mut found = Vec::with_capacity(ids.len());
            for part in ids.chunks(BATCH_MAX) {
                let keys: Vec<_> = part.iter().map(|id| id.as_u128()).collect();
                found.extend(self.cluster.ask(|client| client.lookup_accounts(&keys)).await?);
            }
            Ok(ids
                .iter()
                .map(|id| found.iter().find(|account| account.id == id.as_u128()).map(convert::account_found))
                .collect())
        })
    }

    fn transfers(&self, ids: Vec<TransferId>) -> LedgerFuture<'_, Vec<Option<Transfer>>> {
        Box::pin(async move {
            let mut found = Vec::with_capacity(ids.len());
            for part in ids.chunks(BATCH_MAX) {
                let keys: Vec<_> = part.iter().map(|id| id.as_u128()).collect();
                found.extend(self.cluster.ask(|client| client.lookup_transfers(&keys)).await?);
            }
            let mut shown = Vec::with_capacity(ids.len());
            for id in ids {
                match found.iter().find(|transfer| transfer.id == id.as_u128()) {
                    Some(transfer) => shown.push(Some(self.with_state(transfer).await?)),
                    None => shown.push(None),
                }
            }
            Ok(shown)
        })
    }

    fn transfers_of(&self, account: AccountId, limit: usize) -> LedgerFuture<'_, Vec<Transfer>> {
        Box::pin(newest_transfers(self, account, limit))
    }
}

impl fmt::Debug for TigerBeetleLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TigerBeetleLedger").finish_non_exhaustive()
    }
}
