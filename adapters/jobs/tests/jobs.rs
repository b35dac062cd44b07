//! What the job queue promises, on both dialects.
//! The jobs of the services are tested there.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as expected")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use clock::{Clock, ManualClock};
use database::Error;
use database::sea_orm::{ConnectionTrait, Statement};
use jobs::{Done, Failure, Handler, Job, NewJob, Worker, WorkerSettings, enqueue};
use testkit::{TestDatabase, on_each_database};
use tokio::sync::{Notify, mpsc, oneshot, watch};

/// A handler with prescribed results. It records its calls.
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

/// Is asked for once more while it runs, and is then put off for half a minute, once.
struct PutsOff {
    database: database::Database,
    clock: Arc<ManualClock>,
    runs: Mutex<u32>,
}

#[async_trait]
impl Handler for PutsOff {
    async fn run(&self, job: &Job) -> Result<Done, Failure> {
        *self.runs.lock().unwrap() += 1;
        if *self.runs.lock().unwrap() > 1 {
            return Ok(Done::Complete);
        }
        let transaction = self.database.begin().await?;
        enqueue(&transaction, NewJob::new("letters", job.key(), self.clock.now()))?;
        transaction.commit().await?;
        let transaction = self.database.begin().await?;
        job.put_off(&transaction, self.clock.now() + Duration::from_secs(30), "later");
        transaction.commit().await?;
        Ok(Done::Settled)
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
        Worker::new((*self.database).clone(), clock, testkit::entropy(1), "letters", handler, WorkerSettings::default())
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

    async fn a_job_that_does_things_in_turn_is_not_brought_forward_by_what_comes_later(database) {
        let bench = Bench::new(database).await;
        let enqueue_behind = async || {
            let transaction = bench.database.begin().await.unwrap();
            let job = NewJob::new("letters", "a", bench.clock.now()).behind_one_that_waits();
            enqueue(&transaction, job).unwrap();
            transaction.commit().await.unwrap();
        };
        *bench.script.failures.lock().unwrap() = 1;
        enqueue_behind().await;
        assert_eq!(bench.run_due().await, 1);
        enqueue_behind().await;
        assert_eq!(bench.run_due().await, 0, "it waits for its back-off");
        bench.clock.advance(Duration::from_secs(10));
        assert_eq!(bench.run_due().await, 1);
        assert_eq!(bench.run_due().await, 0, "it is one job");
    }

    async fn a_job_that_is_put_off_waits_although_it_was_asked_for_meanwhile(database) {
        let bench = Bench::new(database).await;
        let handler = Arc::new(PutsOff { database: (*bench.database).clone(), clock: Arc::clone(&bench.clock), runs: Mutex::new(0) });
        bench.enqueue("a", NOW).await;
        let worker = bench.worker(Arc::clone(&handler) as Arc<dyn Handler>);
        assert_eq!(worker.run_due().await.unwrap(), 1);
        bench.clock.advance(Duration::from_secs(29));
        assert_eq!(worker.run_due().await.unwrap(), 0);
        bench.clock.advance(Duration::from_secs(1));
        assert_eq!(worker.run_due().await.unwrap(), 1);
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
        bench.clock.advance(WorkerSettings::default().lease);
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

/// Publishes its job and never ends.
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
        // Two workers, as in two processes.
        let workers = [(); 2].map(|()| bench.worker(Arc::clone(&lanes) as Arc<dyn Handler>));
        let running = workers.map(|worker| tokio::spawn(worker.run(std::future::pending())));
        tokio::join!(lanes.fast.notified(), lanes.own.notified());
        for (lane, count) in &*lanes.slow.lock().unwrap() {
            assert!(*count <= 2 * WorkerSettings::default().lane_concurrency, "{count} of {lane} at once");
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

on_each_database! {
    async fn a_job_born_here_is_leased_with_its_transaction_and_done_here(database) {
        let bench = Bench::new(database).await;
        let office = Office::open(&bench, 4).await;
        bench.enqueue("b", NOW).await;
        assert!(bench.leases("b").await, "nobody else may take it");
        assert_eq!(office.handler.next().await, ("b".to_owned(), 1));
        office.handler.let_all_end();
        testkit::eventually("it is over", async || bench.waiting().await == 0).await;
    }

    async fn a_transaction_that_is_given_up_gives_the_place_back_that_its_job_was_to_have(database) {
        let bench = Bench::new(database).await;
        let office = Office::open(&bench, 2).await;
        for _ in 0..3 {
            let transaction = bench.database.begin().await.unwrap();
            enqueue(&transaction, NewJob::new("letters", "given up", bench.clock.now())).unwrap();
            drop(transaction);
        }
        bench.enqueue("b", NOW).await;
        assert!(bench.leases("b").await);
        assert_eq!(office.handler.next().await, ("b".to_owned(), 1));
    }

    async fn a_job_without_a_place_here_is_free_for_others_and_overtaken_by_none_of_its_lane(database) {
        let bench = Bench::new(database).await;
        let office = Office::open(&bench, 1).await;
        for (key, lane) in [("a1", "a"), ("a2", "a"), ("b1", "b")] {
            bench.clock.advance(Duration::from_millis(1));
            bench.enqueue_in(key, lane).await;
        }
        assert!(bench.leases("a1").await && bench.leases("b1").await);
        assert!(!bench.leases("a2").await, "its lane is full");
        let mut begun = [office.handler.next().await.0, office.handler.next().await.0];
        begun.sort();
        assert_eq!(begun, ["a1", "b1"], "they run at the same time, in either order");
        office.handler.let_one_end("a1");
        assert_eq!(office.handler.next().await.0, "a2");
        bench.clock.advance(Duration::from_millis(1));
        bench.enqueue_in("a3", "a").await;
        office.handler.let_one_end("a2");
        assert_eq!(office.handler.next().await.0, "a3");
    }

    async fn a_job_born_here_is_taken_over_when_this_process_dies(database) {
        let bench = Bench::new(database).await;
        let office = Office::open(&bench, 4).await;
        bench.enqueue("b", NOW).await;
        assert_eq!(office.handler.next().await.0, "b");
        office.die().await;
        assert_eq!(bench.run_due().await, 0, "the lease still holds");
        bench.clock.advance(WorkerSettings::default().lease);
        assert_eq!(bench.run_due().await, 1);
        assert_eq!(bench.ran(), [("b".to_owned(), 2)], "the first attempt counts");
    }

    async fn a_job_enqueued_again_while_it_runs_where_it_was_born_runs_once_more(database) {
        let bench = Bench::new(database).await;
        let office = Office::open(&bench, 4).await;
        bench.enqueue("b", NOW).await;
        assert_eq!(office.handler.next().await.0, "b");
        bench.enqueue("b", NOW).await;
        office.handler.let_one_end("b");
        assert_eq!(office.handler.next().await, ("b".to_owned(), 1));
        office.handler.let_all_end();
        testkit::eventually("it is over", async || bench.waiting().await == 0).await;
    }

    async fn jobs_that_end_together_are_all_gone(database) {
        let bench = Bench::new(database).await;
        let office = Office::open(&bench, 64).await;
        let transaction = bench.database.begin().await.unwrap();
        for n in 0..60 {
            enqueue(&transaction, NewJob::new("letters", format!("n{n}"), bench.clock.now())).unwrap();
        }
        transaction.commit().await.unwrap();
        for _ in 0..60 {
            office.handler.next().await;
        }
        office.handler.let_all_end();
        testkit::eventually("all are over", async || bench.waiting().await == 0).await;
    }

    async fn a_worker_that_is_told_to_stop_does_what_it_was_promised_first(database) {
        let bench = Bench::new(database).await;
        let office = Office::open(&bench, 4).await;
        let transaction = bench.database.begin().await.unwrap();
        enqueue(&transaction, NewJob::new("letters", "b", bench.clock.now())).unwrap();
        office.stop.notify_one();
        transaction.commit().await.unwrap();
        office.handler.let_all_end();
        office.running.await.unwrap();
        assert_eq!(bench.waiting().await, 0);
    }
}

impl Bench {
    async fn enqueue_in(&self, key: &str, lane: &str) {
        let transaction = self.database.begin().await.unwrap();
        enqueue(&transaction, NewJob::new("letters", key, self.clock.now()).in_lane(lane)).unwrap();
        transaction.commit().await.unwrap();
    }

    /// Whether the job is leased; one that is over is not.
    async fn leases(&self, key: &str) -> bool {
        self.count(&format!("SELECT count(*) FROM jobs WHERE key = '{key}' AND lease IS NOT NULL")).await > 0
    }

    async fn waiting(&self) -> i64 {
        self.count("SELECT count(*) FROM jobs").await
    }

    async fn count(&self, sql: &str) -> i64 {
        let reader = self.database.reader();
        let statement = Statement::from_string(reader.get_database_backend(), sql);
        reader.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
    }
}

/// A running worker. Its handler has shown that it takes new jobs of this process.
struct Office {
    handler: Arc<Patient>,
    stop: Arc<Notify>,
    running: tokio::task::JoinHandle<()>,
}

impl Office {
    async fn open(bench: &Bench, places: usize) -> Self {
        let (begun, begins) = mpsc::unbounded_channel();
        let handler =
            Arc::new(Patient { begun, begins: tokio::sync::Mutex::new(begins), may_end: watch::channel(Vec::new()).0 });
        let settings = WorkerSettings {
            concurrency: places,
            lane_concurrency: 1,
            places_in_lanes: 8,
            ..WorkerSettings::default()
        };
        let clock = Arc::clone(&bench.clock) as Arc<dyn Clock>;
        let (database, entropy) = ((*bench.database).clone(), testkit::entropy(2));
        let worker = Worker::new(database, clock, entropy, "letters", Arc::clone(&handler) as _, settings);
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let running = tokio::spawn(worker.run(async move { stopped.notified().await }));
        let office = Self { handler, stop, running };
        // A worker takes new jobs after it has asked the database once.
        testkit::eventually("the worker takes what is born", async || {
            bench.enqueue("first", NOW).await;
            let leased = bench.leases("first").await;
            office.handler.next().await;
            office.handler.let_one_end("first");
            testkit::eventually("it is over", async || bench.waiting().await == 0).await;
            leased
        })
        .await;
        office
    }

    /// Ends like a process after `kill -9`.
    async fn die(self) {
        self.running.abort();
        assert!(self.running.await.unwrap_err().is_cancelled());
    }
}

/// Reports that it has begun, and ends on a signal.
struct Patient {
    begun: mpsc::UnboundedSender<(String, u32)>,
    begins: tokio::sync::Mutex<mpsc::UnboundedReceiver<(String, u32)>>,
    may_end: watch::Sender<Vec<String>>,
}

const ALL: &str = "*";

impl Patient {
    async fn next(&self) -> (String, u32) {
        self.begins.lock().await.recv().await.unwrap()
    }

    fn let_one_end(&self, key: &str) {
        self.may_end.send_modify(|keys| keys.push(key.to_owned()));
    }

    fn let_all_end(&self) {
        self.let_one_end(ALL);
    }
}

#[async_trait]
impl Handler for Patient {
    async fn run(&self, job: &Job) -> Result<Done, Failure> {
        let mut may_end = self.may_end.subscribe();
        self.begun.send((job.key().to_owned(), job.attempt()))?;
        may_end.wait_for(|keys| keys.iter().any(|key| key == job.key() || key == ALL)).await?;
        self.may_end.send_modify(|keys| keys.retain(|key| key != job.key()));
        Ok(Done::Complete)
    }
}
