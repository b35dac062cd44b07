//! The worker of one queue. It runs new jobs of this process, leases due jobs, renews leases, and sleeps until the next
//! job is due.
//!
//! No transaction is open while a handler runs. A handler whose lease is lost is dropped at its next await.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use clock::{Clock, Entropy, Timestamp};
use database::{Database, Error};
use metrics::Counter;
use telemetry::metrics::JOBS;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use crate::Job;
use crate::capacity::Capacity;
use crate::claim::{Claimed, claim, claim_one, give_back};
use crate::completions::Completions;
use crate::job::{DueJobListener, Leave, topic};
use crate::local_queue::{LocalQueue, LocalQueues, Look, SharedSlot, Slot};

/// Handles the jobs of one queue.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Handles one job. The future may be dropped at any await when the lease is lost, and the same job may be handled
    /// again.
    async fn run(&self, job: &Job) -> Result<Done, Failure>;
}

/// The result of a job that succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// The job is done; the worker completes it.
    Complete,
    /// The job is to run again at this time, as a new job.
    RunAgain(Timestamp),
    /// The handler has completed the job in its own transaction.
    Settled,
}

/// Why a job failed. It is tried again after the worker's back-off.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How long to wait before the next attempt: `min(attempt, most_steps) × step`.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The wait after the first attempt.
    pub step: Duration,
    /// The most steps that a wait has.
    pub most_steps: u32,
}

impl Backoff {
    /// The wait after `attempt` failed, counted from 1.
    pub fn after(&self, attempt: u32) -> Duration {
        self.step.saturating_mul(attempt.clamp(1, self.most_steps.max(1)))
    }
}

/// Settings of a worker.
#[derive(Clone, Copy, Debug)]
pub struct WorkerSettings {
    /// How many jobs without a lane run at the same time.
    pub concurrency: usize,
    /// How many jobs of one lane run at the same time.
    pub lane_concurrency: usize,
    /// How many jobs of all lanes run at the same time. Most of them only wait, so many of them cost little. If this is
    /// much more than the limit of one lane, many lanes can be slow before others are delayed.
    pub places_in_lanes: usize,
    /// How long a lease lasts without renewal. After a crash another worker takes the job when this time has passed.
    pub lease: Duration,
    /// The wait after a failure.
    pub backoff: Backoff,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            concurrency: 16,
            lane_concurrency: 4,
            places_in_lanes: 64,
            lease: Duration::from_secs(15),
            backoff: Backoff { step: Duration::from_secs(10), most_steps: 6 },
        }
    }
}

/// The worker asks the database at least this often.
const LOOK_AGAIN: Duration = Duration::from_secs(20);
const AFTER_DATABASE_ERROR: Duration = Duration::from_secs(1);

/// Runs the jobs of one queue. Any number of workers, in any number of processes, may share a queue.
#[derive(Clone)]
pub struct Worker {
    database: Database,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    queue: String,
    handler: Arc<dyn Handler>,
    settings: WorkerSettings,
    ends: Completions,
    counts: Counts,
}

/// Counts of finished jobs, by their result.
#[derive(Clone)]
struct Counts {
    done: Counter,
    failed: Counter,
    lost: Counter,
}

impl Counts {
    fn of(queue: &str) -> Self {
        let counter = |result: &'static str| metrics::counter!(JOBS, "queue" => queue.to_owned(), "result" => result);
        Self { done: counter("done"), failed: counter("failed"), lost: counter("lost") }
    }
}

impl Worker {
    /// A worker of `queue` in `database`.
    pub fn new(
        database: Database,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        queue: impl Into<String>,
        handler: Arc<dyn Handler>,
        settings: WorkerSettings,
    ) -> Self {
        let queue = queue.into();
        let (counts, ends) = (Counts::of(&queue), Completions::new(database.clone()));
        Self { database, clock, entropy, queue, handler, settings, ends, counts }
    }

    /// Runs until `shutdown` resolves, then waits for the running jobs. Aborting this future is as safe as a crash.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let mut shutdown = std::pin::pin!(shutdown);
        let mut wakeups = self.database.subscribe(&topic(&self.queue));
        let (local_queue, mut born) = self.open_local_queue();
        let mut running = JoinSet::new();
        let mut looking = Looking::default();
        loop {
            let wait = if looking.is_under_way() { LOOK_AGAIN } else { self.look(&local_queue, &mut looking) };
            tokio::select! {
                () = &mut shutdown => break,
                Some((job, place)) = born.recv() => self.start(&mut running, job, place),
                (look, claimed) = looking.answer() => self.looked(&local_queue, &look, claimed, &mut running).await,
                Some(ended) = running.join_next() => tell_of_panic(ended),
                () = wakeups.notified() => local_queue.look_now(),
                () = local_queue.changed() => {}
                () = tokio::time::sleep(wait) => if !looking.is_under_way() { local_queue.look_now() },
            }
        }
        self.finish(&local_queue, born, running, looking).await;
    }

    /// Runs all due jobs, one after another, until none is due. Returns how many ran.
    ///
    /// For tests with a manual clock and for command line tools.
    pub async fn run_due(&self) -> Result<usize, Error> {
        let room = Capacity { without_lane: 1, per_lane: 1, in_lanes: 1, running: HashMap::new() };
        let mut count = 0;
        loop {
            let jobs = self.claim(&room).await?.jobs;
            if jobs.is_empty() {
                return Ok(count);
            }
            for job in jobs {
                self.run_one(job).await;
                count += 1;
            }
        }
    }

    /// Runs the job with this key at once, due or not, unless another worker has it. Returns whether it ran.
    ///
    /// For a caller that does not want to wait for a worker. The result of the job is recorded as usual.
    pub async fn run_now(&self, key: &str) -> Result<bool, Error> {
        let now = self.clock.now();
        let (lease, until) = (self.entropy.uuid(), now + self.settings.lease);
        let Some(job) = claim_one(&self.database, &self.queue, key, lease, now, until).await? else {
            return Ok(false);
        };
        self.run_one(job).await;
        Ok(true)
    }

    fn open_local_queue(&self) -> (Arc<LocalQueue>, mpsc::UnboundedReceiver<(Job, Slot)>) {
        let room = Capacity {
            without_lane: self.settings.concurrency,
            per_lane: self.settings.lane_concurrency.max(1),
            in_lanes: self.settings.places_in_lanes,
            running: HashMap::new(),
        };
        let (clock, entropy) = (Arc::clone(&self.clock), Arc::clone(&self.entropy));
        let (local_queue, born) = LocalQueue::new(&self.queue, clock, entropy, self.settings.lease, room);
        self.database.shared::<LocalQueues>().open(&local_queue);
        let waiting: Weak<LocalQueue> = Arc::downgrade(&local_queue);
        self.clock.tell_of_jumps(waiting);
        (local_queue, born)
    }

    /// Asks the database for due jobs if there is a reason. Returns how long there is no reason.
    fn look(&self, local_queue: &Arc<LocalQueue>, looking: &mut Looking) -> Duration {
        match local_queue.look() {
            Ok(look) => {
                let worker = self.clone();
                looking.begin(tokio::spawn(async move {
                    let claimed = worker.claim(&look.room).await;
                    (look, claimed)
                }));
                LOOK_AGAIN
            }
            Err(wait) => wait.unwrap_or(LOOK_AGAIN).min(LOOK_AGAIN),
        }
    }

    async fn looked(
        &self,
        local_queue: &Arc<LocalQueue>,
        look: &Look,
        claimed: Result<Claimed, Error>,
        running: &mut JoinSet<()>,
    ) {
        let claimed = match claimed {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::warn!(queue = self.queue, error = &error as &dyn std::error::Error, "cannot take jobs");
                return local_queue.look_for(self.clock.now() + AFTER_DATABASE_ERROR);
            }
        };

        let started = local_queue.claimed(look, claimed);
        for (job, place) in started.jobs {
            self.start(running, job, place);
        }

        if !started.surplus.is_empty()
            && let Err(error) = give_back(&self.database, &started.surplus, self.clock.now()).await
        {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "some jobs found no slot; they run when their lease ends"
            );
        }
    }

    fn start(&self, running: &mut JoinSet<()>, job: Job, slot: Slot) {
        let worker = self.clone();
        running.spawn(async move {
            let unfinished =
                LookWhenLeaseEnds { local_queue: Arc::clone(slot.local_queue()), until: job.until, finished: false };
            let place = Given(Arc::new(SharedSlot::new(slot)));
            let job = Job { place: Some(Arc::clone(&place.0) as Arc<dyn Leave>), ..job };
            if worker.run_one(job).await == Held::NotAnyMore {
                unfinished.finished();
            }
            drop(place);
        });
    }

    /// Waits for the jobs that run or have a place here.
    async fn finish(
        &self,
        local_queue: &Arc<LocalQueue>,
        mut born: mpsc::UnboundedReceiver<(Job, Slot)>,
        mut running: JoinSet<()>,
        mut looking: Looking,
    ) {
        local_queue.close();
        if looking.is_under_way() {
            let (look, claimed) = looking.answer().await;
            self.looked(local_queue, &look, claimed, &mut running).await;
        }
        // A transaction that fails, or commits after the worker has ended, gives its place back.
        while !local_queue.is_idle() {
            tokio::select! {
                Some((job, place)) = born.recv() => self.start(&mut running, job, place),
                Some(ended) = running.join_next() => tell_of_panic(ended),
                () = local_queue.changed() => {}
            }
        }
        while let Some(ended) = running.join_next().await {
            tell_of_panic(ended);
        }
    }

    async fn claim(&self, room: &Capacity) -> Result<Claimed, Error> {
        let now = self.clock.now();
        claim(&self.database, &self.queue, room, self.entropy.uuid(), now, now + self.settings.lease).await
    }

    #[tracing::instrument(name = "jobs.job.run", skip_all, fields(queue = self.queue, job.key = job.key, attempt = job.attempt))]
    async fn run_one(&self, job: Job) -> Held {
        let result = tokio::select! {
            result = self.handler.run(&job) => result,
            () = self.keep_lease(&job) => {
                tracing::warn!("the lease of a job was lost; the job was stopped");
                self.counts.lost.increment(1);
                return Held::NotAnyMore;
            }
        };
        let ended = if result.is_ok() { &self.counts.done } else { &self.counts.failed };
        match self.settle(&job, result).await {
            Ok(()) => {
                ended.increment(1);
                Held::NotAnyMore
            }
            Err(error) => {
                self.counts.lost.increment(1);
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the end of a job was not stored; the job will run again"
                );
                Held::UntilTheLeaseEnds
            }
        }
    }

    /// Renews the lease as long as possible. Returns when it is lost.
    async fn keep_lease(&self, job: &Job) {
        let mut until = self.clock.now() + self.settings.lease;
        loop {
            tokio::time::sleep(self.settings.lease / 3).await;
            let now = self.clock.now();
            match self.renew(job, now + self.settings.lease).await {
                Ok(()) => until = now + self.settings.lease,
                Err(Error::Overtaken { .. }) => return,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the lease of a job was not renewed");
                    if self.clock.now() + self.settings.lease / 3 > until {
                        return;
                    }
                }
            }
        }
    }

    async fn renew(&self, job: &Job, until: Timestamp) -> Result<(), Error> {
        let transaction = self.database.begin().await?;
        job.renew(&transaction, until);
        transaction.commit().await
    }

    async fn settle(&self, job: &Job, result: Result<Done, Failure>) -> Result<(), Error> {
        match result {
            Ok(Done::Settled) => return Ok(()),
            Ok(Done::Complete) => return self.ends.complete(job).await,
            Ok(Done::RunAgain(_)) | Err(_) => {}
        }
        let transaction = self.database.begin().await?;
        match result {
            Ok(Done::RunAgain(at)) => job.run_again(&transaction, at),
            Ok(Done::Complete | Done::Settled) => {}
            Err(failure) => {
                tracing::warn!(error = &*failure as &dyn std::error::Error, "a job failed; it will be tried again");
                let at = self.clock.now() + self.settings.backoff.after(job.attempt);
                job.retry(&transaction, at, &failure.to_string());
            }
        }
        transaction.commit().await
    }
}

/// The query to the database that is under way, if there is one.
#[derive(Default)]
struct Looking(Option<JoinHandle<(Look, Result<Claimed, Error>)>>);

impl Looking {
    fn is_under_way(&self) -> bool {
        self.0.is_some()
    }

    fn begin(&mut self, looking: JoinHandle<(Look, Result<Claimed, Error>)>) {
        self.0 = Some(looking);
    }

    /// Waits for ever if there is no query.
    async fn answer(&mut self) -> (Look, Result<Claimed, Error>) {
        let Some(looking) = &mut self.0 else { return std::future::pending().await };
        let answer = looking.await;
        self.0 = None;
        match answer {
            Ok(answer) => answer,
            Err(error) => {
                tracing::error!(%error, "the search for due jobs was stopped");
                std::future::pending().await
            }
        }
    }
}

/// What happened to the lease of a job that was run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    NotAnyMore,
    UntilTheLeaseEnds,
}

/// The place given to a job. It is given back when the job has ended, however it ends.
struct Given(Arc<SharedSlot>);

impl Drop for Given {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// Makes the worker ask the database again when the lease of an abandoned job ends.
struct LookWhenLeaseEnds {
    local_queue: Arc<LocalQueue>,
    until: Timestamp,
    finished: bool,
}

impl LookWhenLeaseEnds {
    fn finished(mut self) {
        self.finished = true;
    }
}

impl Drop for LookWhenLeaseEnds {
    fn drop(&mut self) {
        if !self.finished {
            self.local_queue.look_for(self.until);
        }
    }
}

fn tell_of_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a job's handler panicked; the job will run again when its lease ends");
    }
}
