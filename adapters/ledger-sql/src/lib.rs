//! The ledger on SQLite and Postgres: the state machine of `ledger` between a queue and a database.
//!
//! Callers that arrive while a commit is under way share the next one. No rule of the ledger is here.

mod changes;
mod journal;
mod leader;
mod postgres;
mod request;
mod sqlite;
mod store;
mod totals;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use clock::{Clock, Timestamp};
use ledger::{
    Account, AccountId, Balances, CreateAccountResult, CreateTransferResult, Ledger, LedgerFuture, LedgerQueries,
    LedgerUnavailable, NewAccount, NewTransfer, Totals, Transfer, TransferId, TransferPage, newest_transfers,
};
use tokio::sync::{mpsc, oneshot};

pub use journal::{Journal, JournalEntry, UnreadableLedger};

use crate::leader::Leader;
use crate::postgres::PostgresStore;
use crate::request::{Reply, Request};
use crate::sqlite::SqliteStore;
use crate::store::StoreError;

/// After this many waiting submissions, callers have to wait before they submit more.
const QUEUE: usize = 4096;

/// The version of the tables and of what is in them. It grows with every change that an earlier program cannot read, and
/// is kept in the table `ledger_layout`. A ledger without that table has version 1.
pub const LAYOUT: u32 = 1;

/// Why a ledger could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenLedgerError {
    /// The URL does not name a known kind of database.
    #[error("{0:?} is not a ledger database; use sqlite:<file>, sqlite::memory: or postgres://…")]
    UnknownUrl(String),
    /// Another process, or another part of this one, has the SQLite file open.
    #[error("{path} is in use by another process; stop it, or keep the ledger on Postgres to share it")]
    InUse {
        /// The file that is locked.
        path: PathBuf,
    },
    /// A later version of this program has written it.
    #[error(
        "the ledger has layout {found}, and this program knows those up to {LAYOUT}; use the program that wrote it"
    )]
    Newer {
        /// The version of its layout.
        found: u32,
    },
    /// The file or the server could not be used.
    #[error("the ledger database cannot be opened: {0}")]
    Unavailable(String),
}

/// Whether this program can use a ledger with this layout.
pub(crate) fn require_known(found: u32) -> Result<(), OpenLedgerError> {
    if found > LAYOUT { Err(OpenLedgerError::Newer { found }) } else { Ok(()) }
}

/// A ledger stored in SQL.
pub struct SqlLedger {
    url: String,
    requests: Option<mpsc::Sender<Request>>,
    leader: Option<Running>,
}

/// Where the leader runs.
enum Running {
    Thread(std::thread::JoinHandle<()>),
    Task(tokio::task::JoinHandle<()>),
}

impl SqlLedger {
    /// Opens the ledger at `url`, and creates its tables if they are missing: `sqlite:<file>`, `sqlite::memory:` or
    /// `postgres://…`.
    pub async fn open(url: &str, clock: Arc<dyn Clock>) -> Result<Self, OpenLedgerError> {
        if let Some(place) = url.strip_prefix("sqlite:") {
            Self::open_sqlite(url, place, clock).await
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let (requests, queue) = mpsc::channel(QUEUE);
            let leader = Leader::new(PostgresStore::open(url).await?, clock);
            let task = tokio::spawn(leader.run(queue));
            Ok(Self { url: url.to_owned(), requests: Some(requests), leader: Some(Running::Task(task)) })
        } else {
            Err(OpenLedgerError::UnknownUrl(url.to_owned()))
        }
    }

    /// SQLite blocks its thread while it commits. So the leader gets a thread of its own.
    async fn open_sqlite(url: &str, place: &str, clock: Arc<dyn Clock>) -> Result<Self, OpenLedgerError> {
        let (requests, queue) = mpsc::channel(QUEUE);
        let (opened, when_open) = oneshot::channel();
        let place = place.to_owned();
        let run = move || match SqliteStore::open(&place) {
            Ok(store) => {
                let _ = opened.send(Ok(()));
                futures::executor::block_on(Leader::new(store, clock).run(queue));
            }
            Err(error) => {
                let _ = opened.send(Err(error));
            }
        };
        let thread = std::thread::Builder::new()
            .name("ledger-sqlite".to_owned())
            .spawn(run)
            .map_err(|error| OpenLedgerError::Unavailable(error.to_string()))?;
        let stopped = |_| Err(OpenLedgerError::Unavailable("its thread stopped".to_owned()));
        when_open.await.unwrap_or_else(stopped)?;
        Ok(Self { url: url.to_owned(), requests: Some(requests), leader: Some(Running::Thread(thread)) })
    }

    /// Waits until accepted submissions are committed and the database is released.
    pub async fn close(mut self) {
        self.requests = None;
        match self.leader.take() {
            Some(Running::Task(task)) => {
                if let Err(error) = task.await {
                    tracing::error!(%error, "the ledger's task failed");
                }
            }
            running => self.leader = running,
        }
    }

    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, LedgerUnavailable> {
        let stopped = || LedgerUnavailable { reason: "the ledger has stopped".to_owned() };
        let (reply, answer) = oneshot::channel();
        let requests = self.requests.as_ref().ok_or_else(stopped)?;
        requests.send(request(reply)).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

impl Ledger for SqlLedger {
    fn create_accounts(&self, accounts: Vec<NewAccount>) -> LedgerFuture<'_, Vec<CreateAccountResult>> {
        Box::pin(self.ask(|reply| Request::CreateAccounts(accounts, reply)))
    }

    fn submit(&self, transfers: Vec<NewTransfer>) -> LedgerFuture<'_, Vec<CreateTransferResult>> {
        Box::pin(self.ask(|reply| Request::Submit(transfers, reply)))
    }

    fn accounts(&self, ids: Vec<AccountId>) -> LedgerFuture<'_, Vec<Option<Account>>> {
        Box::pin(self.ask(|reply| Request::Accounts(ids, reply)))
    }

    fn transfers(&self, ids: Vec<TransferId>) -> LedgerFuture<'_, Vec<Option<Transfer>>> {
        Box::pin(self.ask(|reply| Request::Transfers(ids, reply)))
    }

    fn transfers_of(&self, account: AccountId, limit: usize) -> LedgerFuture<'_, Vec<Transfer>> {
        Box::pin(newest_transfers(self, account, limit))
    }
}

impl LedgerQueries for SqlLedger {
    fn account_transfers(&self, account: AccountId, from: Option<u64>, limit: u32) -> LedgerFuture<'_, TransferPage> {
        Box::pin(self.ask(move |reply| Request::History(account, from, limit, reply)))
    }

    fn balances_at(&self, account: AccountId, at: Timestamp) -> LedgerFuture<'_, Option<Balances>> {
        Box::pin(self.ask(move |reply| Request::BalancesAt(account, at, reply)))
    }

    fn totals(&self) -> LedgerFuture<'_, Totals> {
        Box::pin(async move {
            // A look-up of nothing times out the reservations that are due.
            self.accounts(Vec::new()).await?;
            Ok(totals::read(&self.url).await?)
        })
    }
}

impl Drop for SqlLedger {
    /// For a file: waits until accepted submissions are committed and the file is released.
    fn drop(&mut self) {
        self.requests = None;
        if let Some(Running::Thread(thread)) = self.leader.take()
            && thread.join().is_err()
        {
            tracing::error!("the ledger's thread ended in a panic");
        }
    }
}

impl fmt::Debug for SqlLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlLedger").finish_non_exhaustive()
    }
}

impl From<StoreError> for LedgerUnavailable {
    fn from(error: StoreError) -> Self {
        Self { reason: error.to_string() }
    }
}
