//! Requests that wait for ours, bounded by their number and their size. A request that does not fit is not sent.
//! Sending is in `asking`.

use std::sync::Arc;

use answer_comparison::Purpose;
use bytes::Bytes;
use clock::Timestamp;
use http::{HeaderMap, Method, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use url::Url;

/// Octets are counted in units of this size.
const UNIT: usize = 1024;

/// A request as the client made it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) id: String,
    pub(crate) method: Method,
    /// Including the query.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The answer of the old installation.
#[derive(Clone, Debug)]
pub(crate) struct OldAnswer {
    pub(crate) at: Timestamp,
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

/// A request for ours, with the answer that is expected.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) asked: Asked,
    pub(crate) purpose: Purpose,
    pub(crate) old: OldAnswer,
    pub(crate) ours: Url,
}

impl Job {
    fn units(&self) -> u32 {
        let octets = self.asked.path.len() + self.asked.body.len() + self.old.body.len();
        u32::try_from(octets / UNIT + 1).unwrap_or(u32::MAX)
    }
}

/// A waiting job, with the part of the queue that it occupies.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) job: Job,
    pub(crate) room: OwnedSemaphorePermit,
}

/// The sending half.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    sender: mpsc::Sender<Waiting>,
    room: Arc<Semaphore>,
}

impl Queue {
    pub(crate) fn new(sender: mpsc::Sender<Waiting>, octets: usize) -> Self {
        Self { sender, room: Arc::new(Semaphore::new((octets / UNIT).max(1))) }
    }

    /// Puts a job at the end. Returns the job if there is no room.
    pub(crate) fn offer(&self, job: Job) -> Result<(), Box<Job>> {
        let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(job.units()) else { return Err(Box::new(job)) };
        self.sender.try_send(Waiting { job, room }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(waiting) | mpsc::error::TrySendError::Closed(waiting) => {
                Box::new(waiting.job)
            }
        })
    }
}
