//! The ledger on a TigerBeetle cluster.
//!
//! The rules of the ledger are the cluster's own; this crate translates, makes batches, and limits every wait.

mod addresses;
mod batches;
mod cluster;
mod convert;
mod flows;
mod journal;
mod past;
mod queries;
mod states;
mod totals;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ledger::{
    Account, AccountId, CreateAccountResult, CreateTransferResult, Ledger, LedgerFuture, LedgerUnavailable, NewAccount,
    NewTransfer, Transfer, TransferId, newest_transfers,
};
use tokio::sync::{mpsc, oneshot};

use crate::batches::{Submission, merge, parts};
use crate::cluster::Cluster;

/// How many submissions may wait before callers are held back.
const QUEUE: usize = 4096;

/// The cluster could not be joined.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// A replica's address cannot be used.
    #[error("{address:?} is not an address of a TigerBeetle replica ({reason}); give port, ip:port or host:port")]
    Address {
        /// As configured.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The addresses together or this machine do not allow a client.
    #[error("the TigerBeetle client for {addresses:?} cannot be started: {reason}")]
    Client {
        /// As given to the client.
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

impl TigerBeetleLedger {
    /// A client of the cluster `cluster_id` at `addresses`: comma separated, `port`, `ip:port` or `host:port`, names
    /// looked up once. Does not wait for the cluster.
    ///
    /// `deadline` bounds every request. Must be called within a tokio runtime.
    pub async fn join(cluster_id: u128, addresses: &str, deadline: Duration) -> Result<Self, JoinError> {
        let addresses = addresses::resolved(addresses).await?;
        let cluster = Arc::new(Cluster::join(cluster_id, addresses, deadline)?);
        let (submissions, queue) = mpsc::channel(QUEUE);
        tokio::spawn(merge(Arc::clone(&cluster), queue));
        Ok(Self { cluster, submissions })
    }

    async fn submit_part(&self, transfers: Vec<NewTransfer>) -> Result<Vec<CreateTransferResult>, LedgerUnavailable> {
        let stopped = || LedgerUnavailable { reason: "the ledger has stopped".to_owned() };
        let (reply, answer) = oneshot::channel();
        self.submissions.send(Submission { transfers, reply }).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

impl Ledger for TigerBeetleLedger {
    fn create_accounts(&self, accounts: Vec<NewAccount>) -> LedgerFuture<'_, Vec<CreateAccountResult>> {
        Box::pin(async move {
            let mut answers = Vec::with_capacity(accounts.len());
            let limit = self.cluster.limit().await?;
            for part in parts(&accounts, limit, |account| account.flags.linked)? {
                let events: Vec<_> = part.iter().map(convert::account).collect();
                for result in self.cluster.ask(|client| client.create_accounts(&events)).await? {
                    answers.push(convert::account_result(result.status)?);
                }
            }
            Ok(answers)
        })
    }

    fn submit(&self, transfers: Vec<NewTransfer>) -> LedgerFuture<'_, Vec<CreateTransferResult>> {
        Box::pin(async move {
            let limit = self.cluster.limit().await?;
            if (1..=limit).contains(&transfers.len()) {
                return self.submit_part(transfers).await;
            }
            let mut answers = Vec::with_capacity(transfers.len());
            for part in parts(&transfers, limit, |transfer| transfer.flags.linked)? {
                answers.extend(self.submit_part(part).await?);
            }
            Ok(answers)
        })
    }

    fn accounts(&self, ids: Vec<AccountId>) -> LedgerFuture<'_, Vec<Option<Account>>> {
        Box::pin(async move {
            let mut found = HashMap::with_capacity(ids.len());
            for part in ids.chunks(self.cluster.limit().await?) {
                let keys: Vec<_> = part.iter().map(|id| id.as_u128()).collect();
                let page = self.cluster.ask(|client| client.lookup_accounts(&keys)).await?;
                found.extend(page.iter().map(convert::account_found).map(|account| (account.created.id, account)));
            }
            Ok(ids.iter().map(|id| found.get(id).copied()).collect())
        })
    }

    fn transfers(&self, ids: Vec<TransferId>) -> LedgerFuture<'_, Vec<Option<Transfer>>> {
        Box::pin(async move {
            let mut found = HashMap::with_capacity(ids.len());
            for part in ids.chunks(self.cluster.limit().await?) {
                let keys: Vec<_> = part.iter().map(|id| id.as_u128()).collect();
                let page = self.cluster.ask(|client| client.lookup_transfers(&keys)).await?;
                found.extend(self.with_states(&page).await?.into_iter().map(|shown| (shown.created.id, shown)));
            }
            Ok(ids.iter().map(|id| found.get(id).copied()).collect())
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
