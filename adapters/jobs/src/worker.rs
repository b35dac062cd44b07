//! The worker of one queue: leases what is due, runs it, renews leases, and sleeps until the next due time.
//!
//! No transaction is open while a handler runs. A handler whose lease is lost is dropped where it stands.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clock::{Clock, Entropy, Timestamp};
use database::{Database, Error};
use metrics::Counter;
use telemetry::metrics::JOBS;
use tokio::task::JoinSet;

use crate::claim::{Room, claim, next_due};
use crate::queue::topic;
use crate::{Job, LeaseError};

/// Does the jobs of one queue.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Does one job. May be dropped at any await when the lease is lost, and may be run again with the same job.
    async fn run(&self, job: &Job) -> Result<Done, Failure>;
}

/// How a job went well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// It is over; the worker completes it.
    Complete,
    /// It is to run again at this time, as a fresh job.
    RunAgain(Timestamp),
    /// The handler settled it in a transaction of its own.
    Settled,
}

/// Why a job did not go well. It is tried again after the worker's back-off.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How long to wait before the next attempt: `min(attempt, most_steps) × step`.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The wait after the first attempt.
    pub step: Duration,
    /// The wait grows up to so many steps.
    pub most_steps: u32,
}

impl Backoff {
    /// The wait after `attempt` failed, counted from 1.
    pub fn after(&self, attempt: u32) -> Duration {
        self.step.saturating_mul(attempt.clamp(1, self.most_steps.max(1)))
    }
}

/// How a worker works.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Jobs without lane at once.
    pub concurrency: usize,
    /// Jobs of one lane at once.
    pub lane_concurrency: usize,
    /// Jobs of all lanes at once. Most of them only wait, so many cost little; the fewer of one lane may run, the more
    /// lanes may hang before others have to wait.
    pub places_in_lanes: usize,
    /// How long a job is held without renewal; after a crash it is taken up again when this has passed.
    pub lease: Duration,
    /// How long to wait after a failure.
    pub backoff: Backoff,
}

impl Default for Settings {
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

/// Even without a wake-up or a due job a worker looks again after this time.
const LOOK_AGAIN: Duration = Duration::from_secs(20);
const AFTER_DATABASE_ERROR: Duration = Duration::from_secs(1);

/// Works off one queue. Any number of workers, in any number of processes, may share it.
#[derive(Clone)]
pub struct Worker {
    database: Database,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    queue: String,
    handler: Arc<dyn Handler>,
    settings: Settings,
    counts: Counts,
}

/// How many jobs ended how.
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
        settings: Settings,
    ) -> Self {
        let queue = queue.into();
        let counts = Counts::of(&queue);
        Self { database, clock, entropy, queue, handler, settings, counts }
    }

    /// Works until `shutdown` resolves, then lets the running jobs end. Aborting it instead is as safe as a crash.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let mut shutdown = std::pin::pin!(shutdown);
        let mut wakeups = self.database.subscribe(&topic(&self.queue));
        let mut running = Running::default();
        loop {
            let wait = match self.start_due(&mut running).await {
                Ok(wait) => wait,
                Err(error) => {
                    tracing::warn!(queue = self.queue, error = &error as &dyn std::error::Error, "cannot take jobs");
                    AFTER_DATABASE_ERROR
                }
            };
            tokio::select! {
                () = &mut shutdown => break,
                () = wakeups.notified() => {}
                () = running.one_ended() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        running.all_ended().await;
    }

    /// Runs everything that is due now, one job after another, until nothing is; returns how many ran.
    ///
    /// For tests with a manual clock and for command line tools.
    pub async fn run_due(&self) -> Result<usize, Error> {
        let room = Room { without_lane: 1, per_lane: 1, in_lanes: 1, running: HashMap::new(), at_most: 1 };
        let mut count = 0;
        loop {
            let jobs = self.claim(room.clone()).await?;
            if jobs.is_empty() {
                return Ok(count);
            }
            for job in jobs {
                self.run_one(job).await;
                count += 1;
            }
        }
    }

    /// Starts what is due and there is room for; returns how long nothing more will be due.
    async fn start_due(&self, running: &mut Running) -> Result<Duration, Error> {
        loop {
            let room = Room {
                without_lane: self.settings.concurrency,
                per_lane: self.settings.lane_concurrency.max(1),
                in_lanes: self.settings.places_in_lanes,
                running: running.lanes.clone(),
                at_most: usize::MAX,
            };
            if room.jobs() == 0 {
                return Ok(LOOK_AGAIN);
            }
            // Looking costs no write; only what is due is worth a transaction.
            match next_due(&self.database, &self.queue, &room).await? {
                None => return Ok(LOOK_AGAIN),
                Some(due) if due > self.clock.now() => {
                    return Ok(due.saturating_since(self.clock.now()).min(LOOK_AGAIN));
                }
                Some(_) => {}
            }
            let jobs = self.claim(room).await?;
            if jobs.is_empty() {
                // Another worker was faster.
                return Ok(Duration::from_millis(50));
            }
            for job in jobs {
                running.start(self.clone(), job);
            }
        }
    }

    async fn claim(&self, room: Room) -> Result<Vec<Job>, Error> {
        claim(&self.database, &*self.entropy, &self.queue, room, self.clock.now(), self.settings.lease).await
    }

    #[tracing::instrument(name = "jobs.job.run", skip_all, fields(queue = self.queue, job.key = job.key, attempt = job.attempt))]
    async fn run_one(&self, job: Job) {
        let result = tokio::select! {
            result = self.handler.run(&job) => result,
            () = self.keep_lease(&job) => {
                tracing::warn!("the lease was lost; stopped");
                self.counts.lost.increment(1);
                return;
            }
        };
        let ended = if result.is_ok() { &self.counts.done } else { &self.counts.failed };
        match self.settle(&job, result).await {
            Ok(()) => ended.increment(1),
            Err(error) => {
                self.counts.lost.increment(1);
                tracing::warn!(error = &error as &dyn std::error::Error, "not settled; it will run again");
            }
        }
    }

    /// Renews the lease as long as it can; returns when it is lost.
    async fn keep_lease(&self, job: &Job) {
        let mut until = self.clock.now() + self.settings.lease;
        loop {
            tokio::time::sleep(self.settings.lease / 3).await;
            let now = self.clock.now();
            match self.renew(job, now + self.settings.lease).await {
                Ok(()) => until = now + self.settings.lease,
                Err(LeaseError::Lost(_)) => return,
                Err(LeaseError::Database(error)) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the lease was not renewed");
                    if self.clock.now() + self.settings.lease / 3 > until {
                        return;
                    }
                }
            }
        }
    }

    async fn renew(&self, job: &Job, until: Timestamp) -> Result<(), LeaseError> {
        let transaction = self.database.begin().await?;
        job.renew(&transaction, until).await?;
        Ok(transaction.commit().await?)
    }

    async fn settle(&self, job: &Job, result: Result<Done, Failure>) -> Result<(), LeaseError> {
        if matches!(result, Ok(Done::Settled)) {
            return Ok(());
        }
        let transaction = self.database.begin().await?;
        match result {
            Ok(Done::RunAgain(at)) => job.run_again(&transaction, at).await?,
            Ok(_) => job.complete(&transaction),
            Err(failure) => {
                tracing::warn!(error = &*failure as &dyn std::error::Error, "failed; it will be tried again");
                let at = self.clock.now() + self.settings.backoff.after(job.attempt);
                job.retry(&transaction, at, &failure.to_string()).await?;
            }
        }
        Ok(transaction.commit().await?)
    }
}

/// The jobs under way, and how many of them each lane has.
#[derive(Default)]
struct Running {
    tasks: JoinSet<String>,
    lanes: HashMap<String, usize>,
}

impl Running {
    fn start(&mut self, worker: Worker, job: Job) {
        let lane = job.lane.clone();
        *self.lanes.entry(lane.clone()).or_default() += 1;
        self.tasks.spawn(async move {
            // A panic in a handler must not take its lane with it: the lane is given back by this task's value.
            let run = tokio::spawn(async move { worker.run_one(job).await });
            let mut run = AbortOnDrop(run);
            if let Err(error) = (&mut run.0).await {
                tracing::error!(%error, "a job's handler panicked; the job will run again when its lease ends");
            }
            lane
        });
    }

    /// Waits for ever if nothing runs.
    async fn one_ended(&mut self) {
        match self.tasks.join_next().await {
            Some(Ok(lane)) => self.give_back(&lane),
            Some(Err(error)) => tracing::error!(%error, "a job's task was stopped"),
            None => std::future::pending().await,
        }
    }

    async fn all_ended(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }

    fn give_back(&mut self, lane: &str) {
        if let Some(count) = self.lanes.get_mut(lane) {
            *count -= 1;
            if *count == 0 {
                self.lanes.remove(lane);
            }
        }
    }
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
