//! The client of the cluster, with a deadline for every request.
//!
//! The client repeats a request until it is answered. One whose deadline has passed is left to it; while several such
//! wait, the cluster counts as away and no more are made. The first answer ends that.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clock::Stopwatch;
use ledger::LedgerUnavailable;
use tigerbeetle as tb;
use tokio::sync::{OnceCell, oneshot};

use crate::JoinError;

/// Requests past their deadline, not answered yet, with which callers are refused at once.
const PATIENCE: usize = 3;
/// Rows in one answer, and the most that is created by one request.
pub(crate) const PAGE: u32 = 8189;
const PAGE_ROWS: usize = PAGE as usize;

/// The cluster as this process reaches it.
pub(crate) struct Cluster {
    id: u128,
    addresses: String,
    deadline: Duration,
    session: Mutex<Arc<Session>>,
    late: Arc<AtomicUsize>,
}

/// One client and what it learnt. Requests of a session take effect in the order in which they were made.
struct Session {
    client: tb::Client,
    limit: OnceCell<usize>,
}

/// Why a request has no result.
enum AskError {
    /// The client or the cluster refused it.
    Refused(tb::Error),
    /// No answer came.
    Unavailable(LedgerUnavailable),
}

impl From<LedgerUnavailable> for AskError {
    fn from(error: LedgerUnavailable) -> Self {
        Self::Unavailable(error)
    }
}

impl From<AskError> for LedgerUnavailable {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Refused(error) => refused(error),
            AskError::Unavailable(error) => error,
        }
    }
}

impl Session {
    fn begin(id: u128, addresses: &str) -> Result<Arc<Self>, JoinError> {
        let client = tb::Client::new(id, addresses)
            .map_err(|error| JoinError::Client { addresses: addresses.to_owned(), reason: error.to_string() })?;
        Ok(Arc::new(Self { client, limit: OnceCell::new() }))
    }
}

impl Cluster {
    /// Begins a session. Does not wait for the cluster.
    pub(crate) fn join(id: u128, addresses: String, deadline: Duration) -> Result<Self, JoinError> {
        let session = Mutex::new(Session::begin(id, &addresses)?);
        Ok(Self { id, addresses, deadline, session, late: Arc::default() })
    }

    /// One request under the deadline.
    ///
    /// A request that was not answered in time may still take effect later; its caller must repeat it.
    pub(crate) async fn ask<T, F>(&self, request: impl FnOnce(&tb::Client) -> F) -> Result<T, LedgerUnavailable>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, tb::Error>> + Send + 'static,
    {
        let session = self.session();
        Ok(self.ask_in(&session, request).await?)
    }

    /// Accounts or transfers to be created in one request: the protocol's limit, or less if the server is configured
    /// so.
    ///
    /// The client does not say, so it is found out once, with transfers that are certain to be refused.
    pub(crate) async fn limit(&self) -> Result<usize, LedgerUnavailable> {
        let session = self.session();
        let limit = session.limit.get_or_try_init(|| async {
            let (mut fits, mut too_many, mut tried) = (0, PAGE_ROWS + 1, PAGE_ROWS);
            while fits + 1 < too_many {
                let nothing = vec![tb::Transfer::default(); tried];
                match self.ask_in(&session, |client| client.create_transfers(&nothing)).await {
                    Ok(_) => fits = tried,
                    Err(AskError::Refused(tb::Error::TooMuchData)) => too_many = tried,
                    Err(other) => return Err(other.into()),
                }
                tried = fits.midpoint(too_many);
            }
            Ok(fits.max(1))
        });
        limit.await.copied()
    }

    async fn ask_in<T, F>(&self, session: &Arc<Session>, request: impl FnOnce(&tb::Client) -> F) -> Result<T, AskError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, tb::Error>> + Send + 'static,
    {
        if self.late.load(Ordering::Relaxed) >= PATIENCE {
            return Err(unavailable(
                "the TigerBeetle cluster has not answered earlier requests; wait until it answers again",
            )
            .into());
        }
        let (reply, answer) = oneshot::channel();
        let under_way = request(&session.client);
        tokio::spawn(watched(under_way, self.deadline, Arc::clone(&self.late), Arc::clone(session), reply));
        let stopped = || unavailable("the TigerBeetle client was stopped");
        let answer = answer.await.map_err(|_| stopped())?;
        let late = || unavailable(format!("the TigerBeetle cluster did not answer within {:?}", self.deadline));
        let answer = answer.ok_or_else(late)?;
        if let Err(error) = &answer {
            self.begin_anew(session, *error);
        }
        answer.map_err(AskError::Refused)
    }

    fn session(&self) -> Arc<Session> {
        Arc::clone(&self.session.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Begins another session where the cluster has ended `ended`: it keeps a limited number, the latest used.
    fn begin_anew(&self, ended: &Arc<Session>, error: tb::Error) {
        use tb::Error as E;
        if !matches!(error, E::ClientEvicted | E::ClientClosed | E::ClientReleaseTooLow | E::ClientReleaseTooHigh) {
            return;
        }
        let mut current = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&current, ended) {
            return;
        }
        match Session::begin(self.id, &self.addresses) {
            Ok(session) => {
                tracing::warn!(%error, "the TigerBeetle cluster ended this session; a new one is opened");
                *current = session;
            }
            Err(problem) => tracing::error!(%problem, "a new session with the TigerBeetle cluster could not be opened"),
        }
    }
}

/// Sees a request through to its end, also when its caller has gone: replies with the answer, or with `None` when the
/// deadline has passed, and then counts it as late until it is answered.
async fn watched<T: Send>(
    request: impl Future<Output = Result<T, tb::Error>> + Send,
    deadline: Duration,
    late: Arc<AtomicUsize>,
    session: Arc<Session>,
    reply: oneshot::Sender<Option<Result<T, tb::Error>>>,
) {
    let since = Stopwatch::start();
    tokio::pin!(request);
    // A caller that no longer waits is no fault.
    if let Ok(answer) = tokio::time::timeout(deadline, &mut request).await {
        drop(reply.send(Some(answer)));
        return;
    }
    let waiting = late.fetch_add(1, Ordering::Relaxed) + 1;
    drop(reply.send(None));
    tracing::error!(?deadline, waiting, "the TigerBeetle cluster does not answer");
    let answered = request.await.is_ok();
    // The session lives as long as its requests.
    drop(session);
    late.fetch_sub(1, Ordering::Relaxed);
    tracing::warn!(after = ?since.elapsed(), answered, "a late request to the TigerBeetle cluster has ended");
}

fn unavailable(reason: impl Into<String>) -> LedgerUnavailable {
    LedgerUnavailable { reason: reason.into() }
}

fn refused(error: tb::Error) -> LedgerUnavailable {
    unavailable(match error {
        tb::Error::ClientEvicted | tb::Error::ClientClosed => "the TigerBeetle cluster ended this session".to_owned(),
        tb::Error::ClientReleaseTooLow => {
            "the TigerBeetle cluster does not accept the old client in this program; upgrade this program".to_owned()
        }
        tb::Error::ClientReleaseTooHigh => {
            "the TigerBeetle cluster is older than this program's client; upgrade the cluster".to_owned()
        }
        other => format!("the TigerBeetle client says: {other}"),
    })
}
