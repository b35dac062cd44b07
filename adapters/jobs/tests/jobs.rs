//! The promises of the job queue, on both dialects.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as expected")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use clock::{Clock, ManualClock};
use database::Error;
use jobs::{Done, Failure, Handler, Job, NewJob, Settings, Worker, enqueue};
use testkit::{TestDatabase, on_each_database};
use tokio::sync::{Notify, oneshot};

/// Does what it is told and remembers what it did.
#[derive(Default)]
struct Script {
    ran: Mutex<Vec<(String, u32)>>,
    failures: Mutex<u32>,
}

#[async_trait]
impl Handler for Script {
    async fn run(&self, job: &Job) -> Result<Done, Failure> {
        self.ran.lock().unwrap().push((job.key().to_owned(), job.attempt()));
        let mut failures = self.failures.lock().unwrap();
        if *failures == 0 {
            return Ok(Done::Complete);
        }
        *failures -= 1;
        Err("not today".into())
    }
}

struct Bench {
    database: TestDatabase,
    clock: Arc<ManualClock>,
    script: Arc<Script>,
}

impl Bench {
    async fn new(database: TestDatabase) -> Self {
        database.migrate(&jobs::MIGRATIONS).await.unwrap();
        Self { database, clock: testkit::manual_clock(), script: Arc::default() }
    }

    fn worker(&self, handler: Arc<dyn Handler>) -> Worker {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        Worker::new((*self.database).clone(), clock, testkit::entropy(1), "letters", handler, Settings::default())
    }

    async fn run_due(&self) -> usize {
        self.worker(Arc::clone(&self.script) as Arc<dyn Handler>).run_due().await.unwrap()
    }

    async fn enqueue(&self, key: &str, after: Duration) {
        let transaction = self.database.begin().await.unwrap();
        enqueue(&transaction, NewJob::new("letters", key, self.clock.now() + after)).unwrap();
        transaction.commit().await.unwrap();
    }

    fn ran(&self) -> Vec<(String, u32)> {
        std::mem::take(&mut self.script.ran.lock().unwrap())
    }
}

const NOW: Duration = Duration::ZERO;

on_each_database! {
    async fn a_job_of_a_rolled_back_transaction_never_runs(database) {
        let bench = Bench::new(database).await;
        let transaction = bench.database.begin().await.unwrap();
        enqueue(&transaction, NewJob::new("letters", "a", bench.clock.now())).unwrap();
        drop(transaction);
        assert_eq!(bench.run_due().await, 0);
    }

    async fn a_job_runs_when_it_is_due_and_only_once(database) {
        let bench = Bench::new(database).await;
        bench.enqueue("a", Duration::from_secs(5)).await;
        assert_eq!(bench.run_due().await, 0);
        bench.clock.advance(Duration::from_secs(5));
        assert_eq!(bench.run_due().await, 1);
        assert_eq!(bench.run_due().await, 0);
    }

    async fn a_second_job_of_the_same_key_only_brings_it_forward(database) {
        let bench = Bench::new(database).await;
        bench.enqueue("a", Duration::from_secs(50)).await;
        bench.enqueue("a", NOW).await;
        bench.enqueue("a", Duration::from_secs(90)).await;
        assert_eq!(bench.run_due().await, 1);
        bench.clock.advance(Duration::from_secs(100));
        assert_eq!(bench.run_due().await, 0);
    }

    async fn a_failed_job_comes_back_after_its_back_off_and_counts_attempts(database) {
        let bench = Bench::new(database).await;
        *bench.script.failures.lock().unwrap() = 2;
        bench.enqueue("a", NOW).await;
        for (wait, attempt) in [(0, 1), (10, 2), (20, 3)] {
            bench.clock.advance(Duration::from_secs(wait));
            assert_eq!(bench.run_due().await, 1, "attempt {attempt}");
            assert_eq!(bench.ran(), [("a".to_owned(), attempt)]);
            assert_eq!(bench.run_due().await, 0);
        }
    }

    async fn a_job_enqueued_while_it_runs_runs_once_more(database) {
        let bench = Bench::new(database).await;
        let handler = Arc::new(Reentrant { database: (*bench.database).clone(), clock: Arc::clone(&bench.clock), runs: Mutex::new(0) });
        bench.enqueue("a", NOW).await;
        let worker = bench.worker(Arc::clone(&handler) as Arc<dyn Handler>);
        assert_eq!(worker.run_due().await.unwrap(), 2);
    }

    async fn an_abandoned_job_is_taken_over_when_its_lease_ends_and_the_first_holder_is_refused(database) {
        let bench = Bench::new(database).await;
        let (held, holds) = oneshot::channel();
        let stuck = Arc::new(Stuck { held: Mutex::new(Some(held)) });
        bench.enqueue("a", NOW).await;
        let worker = bench.worker(stuck);
        let running = tokio::spawn(async move { worker.run_due().await });
        let job: Job = holds.await.unwrap();
        running.abort();
        assert_eq!(bench.run_due().await, 0, "the lease still holds");
        bench.clock.advance(Settings::default().lease);
        assert_eq!(bench.run_due().await, 1);
        let transaction = bench.database.begin().await.unwrap();
        job.complete(&transaction);
        assert!(matches!(transaction.commit().await, Err(Error::Overtaken { .. })));
    }

    async fn a_running_worker_is_woken_by_the_commit(database) {
        let bench = Bench::new(database).await;
        let gate = Arc::new(Gate::default());
        let stop = Arc::new(Notify::new());
        let worker = bench.worker(Arc::clone(&gate) as Arc<dyn Handler>);
        let stopped = Arc::clone(&stop);
        let running = tokio::spawn(worker.run(async move { stopped.notified().await }));
        bench.enqueue("a", NOW).await;
        gate.0.notified().await;
        stop.notify_one();
        running.await.unwrap();
    }
}

/// Enqueues its own job again during the first run.
struct Reentrant {
    database: database::Database,
    clock: Arc<ManualClock>,
    runs: Mutex<u32>,
}

#[async_trait]
impl Handler for Reentrant {
    async fn run(&self, job: &Job) -> Result<Done, Failure> {
        let first = {
            let mut runs = self.runs.lock().unwrap();
            *runs += 1;
            *runs == 1
        };
        if first {
            let transaction = self.database.begin().await?;
            enqueue(&transaction, NewJob::new("letters", job.key(), self.clock.now()))?;
            transaction.commit().await?;
        }
        let transaction = self.database.begin().await?;
        job.complete(&transaction);
        transaction.commit().await?;
        Ok(Done::Settled)
    }
}

/// Hands out its job and never ends.
struct Stuck {
    held: Mutex<Option<oneshot::Sender<Job>>>,
}

#[async_trait]
impl Handler for Stuck {
    async fn run(&self, job: &Job) -> Result<Done, Failure> {
        let held = self.held.lock().unwrap().take();
        if let Some(held) = held {
            let _ = held.send(job.clone());
        }
        std::future::pending().await
    }
}

#[derive(Default)]
struct Gate(Notify);

#[async_trait]
impl Handler for Gate {
    async fn run(&self, _: &Job) -> Result<Done, Failure> {
        self.0.notify_one();
        Ok(Done::Complete)
    }
}

on_each_database! {
    async fn lanes_that_hang_hold_up_neither_other_lanes_nor_jobs_without_lane(database) {
        let bench = Bench::new(database).await;
        let transaction = bench.database.begin().await.unwrap();
        for lane in 0..12 {
            for n in 0..20 {
                let key = format!("slow {lane} {n}");
                let slow = NewJob::new("letters", key, bench.clock.now()).in_lane(format!("slow {lane}"));
                enqueue(&transaction, slow).unwrap();
            }
        }
        bench.clock.advance(Duration::from_secs(1));
        enqueue(&transaction, NewJob::new("letters", "fast", bench.clock.now()).in_lane("fast")).unwrap();
        enqueue(&transaction, NewJob::new("letters", "own", bench.clock.now())).unwrap();
        transaction.commit().await.unwrap();
        let lanes = Arc::new(Lanes::default());
        // As two processes do.
        let workers = [(); 2].map(|()| bench.worker(Arc::clone(&lanes) as Arc<dyn Handler>));
        let running = workers.map(|worker| tokio::spawn(worker.run(std::future::pending())));
        tokio::join!(lanes.fast.notified(), lanes.own.notified());
        for (lane, count) in &*lanes.slow.lock().unwrap() {
            assert!(*count <= 2 * Settings::default().lane_concurrency, "{count} of {lane} at once");
        }
        running.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

#[derive(Default)]
struct Lanes {
    slow: Mutex<HashMap<String, usize>>,
    fast: Notify,
    own: Notify,
}

#[async_trait]
impl Handler for Lanes {
    async fn run(&self, job: &Job) -> Result<Done, Failure> {
        match job.lane() {
            "" => self.own.notify_one(),
            "fast" => self.fast.notify_one(),
            slow => {
                *self.slow.lock().unwrap().entry(slow.to_owned()).or_default() += 1;
                std::future::pending::<()>().await;
            }
        }
        Ok(Done::Complete)
    }
}
