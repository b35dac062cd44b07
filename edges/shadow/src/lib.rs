//! A proxy in front of an old installation. It relays the old installation's answer to the client. Afterwards it sends
//! the same request to ours, and reports what differs. The client never waits for ours.
//!
//! How answers are compared is decided in `answer-comparison`.

#![warn(missing_docs)]

mod asking;
mod counts;
mod proxy;
mod queue;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use answer_comparison::{Allowed, Difference, Known, Route, Sums};
use clock::{Clock, Entropy, Timestamp};
use outbound_http::Outbound;
use tokio::sync::mpsc;
use url::Url;

pub use asking::Asker;
pub use counts::{Counts, Left, Result as Counted};
use queue::{Job, Queue};

/// The minimum number of id pairs that are remembered.
const KNOWN: usize = 100_000;

/// Two listeners with the same purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The origin of the old listener.
    pub old: Url,
    /// The origin of our listener.
    pub ours: Url,
}

/// Whether writes are sent to ours, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    /// They are. Ours is an imported copy that may change.
    Asked,
    /// They are not. Only reads are sent to ours.
    LeftOut,
}

/// Settings of a shadow.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether writes are sent to ours, too.
    pub writes: Writes,
    /// The time that ours has to answer.
    pub patience: Duration,
    /// The time that the old installation has to answer.
    pub old_patience: Duration,
    /// A read whose difference may be temporary is repeated after each of these pauses.
    pub pauses: Vec<Duration>,
    /// The maximum number of requests that wait for ours.
    pub queue: usize,
    /// The maximum size of the waiting requests and answers, in octets.
    pub queue_octets: usize,
    /// The maximum number of requests that are sent to ours at the same time.
    pub at_once: usize,
    /// What may differ.
    pub allowed: Allowed,
    /// Secrets of tenants, by their ids. Changed requests to the Admin API are signed again with them.
    pub secrets: HashMap<String, String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            writes: Writes::LeftOut,
            patience: Duration::from_secs(5),
            old_patience: Duration::from_secs(100),
            pauses: vec![Duration::from_secs(1), Duration::from_secs(4)],
            queue: 1_000,
            queue_octets: 64 * 1024 * 1024,
            at_once: 16,
            allowed: Allowed { times_apart: 60_000, members: Vec::new() },
            secrets: HashMap::new(),
        }
    }
}

/// What differs in the answers to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The request's id: its `X-Request-Id`, or one that was made for it.
    pub request: String,
    /// The time of the old answer.
    pub at: Timestamp,
    /// The request, without personal data.
    pub route: Route,
    /// What differs.
    pub differences: Vec<Difference>,
    /// The number of further differences.
    pub more: u64,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} request {} {}", self.at, self.request, self.route)?;
        for difference in &self.differences {
            write!(f, "\n  {difference}")?;
        }
        if self.more > 0 {
            write!(f, "\n  and {} more", self.more)?;
        }
        Ok(())
    }
}

/// Receives every finding.
pub type Report = Arc<dyn Fn(Finding) + Send + Sync>;

/// Shared by the listeners and the asker.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) http: Outbound,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) report: Report,
    known: Mutex<Known>,
    sums: Mutex<Sums>,
    pub(crate) counts: Arc<Counts>,
}

impl Shared {
    pub(crate) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn sums(&self) -> MutexGuard<'_, Sums> {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers what a write has made in the old installation, if the write was not sent to ours.
    pub(crate) fn made_only_there(&self, job: &Job) {
        let (path, request) = (job.asked.path.as_bytes(), &*job.asked.body);
        self.known().made_only_there(&[path, request], &job.old.body);
    }
}

/// The proxy.
#[derive(Clone)]
pub struct Shadow {
    pub(crate) shared: Arc<Shared>,
    pub(crate) queue: Queue,
}

impl fmt::Debug for Shadow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shadow").field("counts", &self.shared.counts).finish_non_exhaustive()
    }
}

impl Shadow {
    /// The proxy, and the asker, which the caller must run too.
    pub fn new(
        settings: Settings,
        http: Outbound,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        report: Report,
    ) -> (Self, Asker) {
        let (sender, jobs) = mpsc::channel(settings.queue.max(1));
        let queue = Queue::new(sender, settings.queue_octets);
        let (known, sums) = (Mutex::new(Known::new(KNOWN)), Mutex::new(Sums::default()));
        let shared = Arc::new(Shared { settings, http, clock, entropy, report, known, sums, counts: Arc::default() });
        (Self { shared: Arc::clone(&shared), queue }, Asker::new(shared, jobs))
    }

    /// The listener in front of a pair.
    pub fn router(&self, pair: Pair) -> axum::Router {
        proxy::router(self.clone(), pair)
    }

    /// The counts since the start.
    pub fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.shared.counts)
    }

    /// Sums of all amounts that were compared.
    pub fn totals(&self) -> Sums {
        self.shared.sums().clone()
    }
}
