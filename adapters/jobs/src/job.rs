//! A leased job, and the ways in which it ends.
//! How a job is found and leased is in `worker` and `queue`.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use clock::Timestamp;
use database::{Write, WriteTransaction};
use sea_orm::{ConnectionTrait, Statement, Value};
use serde::de::DeserializeOwned;
use uuid::Uuid;

/// The worker of a queue in this process, as its jobs use it.
pub(crate) trait DueJobListener: fmt::Debug + Send + Sync {
    /// A job will be due at `at`.
    fn look_for(&self, at: Timestamp);

    /// A job may be due that only the database knows.
    fn look_now(&self);
}

/// The place of a job that runs.
pub(crate) trait Leave: fmt::Debug + Send + Sync {
    /// Gives the place back, if it was not given back before.
    fn leave(&self);
}

/// A job that this worker has leased.
///
/// Its end is written in the handler's own transaction. If the lease was lost, because another worker has the job, that
/// transaction fails with [`database::Error::Overtaken`] and changes nothing.
#[derive(Clone, Debug)]
pub struct Job {
    pub(crate) queue: String,
    pub(crate) key: String,
    pub(crate) lane: String,
    pub(crate) payload: String,
    pub(crate) attempt: u32,
    pub(crate) lease: Uuid,
    /// When the lease ends, unless it is renewed.
    pub(crate) until: Timestamp,
    /// The worker that runs it; `None` if jobs are run one after the other.
    pub(crate) worker: Option<Arc<dyn DueJobListener>>,
    /// What the transaction that created it left for the first attempt.
    pub(crate) carried: Option<Arc<dyn Any + Send + Sync>>,
    /// Its place among the jobs that run; `None` if jobs are run one after the other.
    pub(crate) place: Option<Arc<dyn Leave>>,
}

const COMPLETE: &str = "DELETE FROM jobs WHERE queue = $1 AND key = $2 AND lease = $3 AND again_at IS NULL";
const RUN_ONCE_MORE: &str = "UPDATE jobs
    SET due_at = again_at, again_at = NULL, lease = NULL, attempts = 0, last_error = NULL
    WHERE queue = $1 AND key = $2 AND lease = $3";

impl Job {
    /// The name of the job in its queue.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The party that it may have to wait for; see [`crate::NewJob::lane`].
    pub fn lane(&self) -> &str {
        &self.lane
    }

    /// The number of this attempt, from 1. It starts again when the job is completed or run again on purpose.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The payload that was enqueued with it.
    pub fn payload<P: DeserializeOwned>(&self) -> Result<P, serde_json::Error> {
        serde_json::from_str(&self.payload)
    }

    /// What [`crate::NewJob::carrying`] left for it; `None` if another process created it, or this is a later attempt.
    pub fn carried<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.carried.clone()?.downcast().ok()
    }

    /// Lets another job have this one's place, because it waits for no other party any more: only its end is still to be
    /// written.
    pub fn leave_place(&self) {
        if let Some(place) = &self.place {
            place.leave();
        }
    }

    /// Completes the job in the handler's own transaction.
    pub fn complete(&self, transaction: &WriteTransaction) {
        let again = self.statement(transaction, RUN_ONCE_MORE, []);
        let mut complete = self.written(transaction, COMPLETE, []).otherwise(again);
        let completed = complete.met();
        transaction.write(complete);
        if let Some(worker) = self.worker.clone() {
            transaction.on_commit(move || {
                if !completed.get() {
                    // Only the database knows when it is to run once more.
                    worker.look_now();
                }
            });
        }
    }

    /// Lets the job run again at `at`, as a new job, in the handler's own transaction.
    pub fn run_again(&self, transaction: &WriteTransaction, at: Timestamp) {
        let sql = "UPDATE jobs SET due_at = CASE WHEN again_at < $4 THEN again_at ELSE $4 END,
                again_at = NULL, lease = NULL, attempts = 0, last_error = NULL
            WHERE queue = $1 AND key = $2 AND lease = $3";
        transaction.write(self.written(transaction, sql, [at.as_millis().into()]));
        self.waits(transaction, at);
    }

    /// Lets the job be tried again at `at`. Its attempts are counted on.
    pub fn retry(&self, transaction: &WriteTransaction, at: Timestamp, error: &str) {
        let sql = "UPDATE jobs SET due_at = CASE WHEN again_at < $4 THEN again_at ELSE $4 END,
                again_at = NULL, lease = NULL, last_error = $5
            WHERE queue = $1 AND key = $2 AND lease = $3";
        let values = [at.as_millis().into(), error.chars().take(2000).collect::<String>().into()];
        transaction.write(self.written(transaction, sql, values));
        self.waits(transaction, at);
    }

    /// Lets the job be tried again at `at` and not before, also if it was asked for once more meanwhile: what it was
    /// asked for waits with it. Attempts go on counting.
    pub fn put_off(&self, transaction: &WriteTransaction, at: Timestamp, error: &str) {
        let sql = "UPDATE jobs SET due_at = $4, again_at = NULL, lease = NULL, last_error = $5
            WHERE queue = $1 AND key = $2 AND lease = $3";
        let values = [at.as_millis().into(), error.chars().take(2000).collect::<String>().into()];
        transaction.write(self.written(transaction, sql, values));
        self.waits(transaction, at);
    }

    pub(crate) fn renew(&self, transaction: &WriteTransaction, until: Timestamp) {
        let sql = "UPDATE jobs SET due_at = $4 WHERE queue = $1 AND key = $2 AND lease = $3";
        transaction.write(self.written(transaction, sql, [until.as_millis().into()]));
    }

    /// Informs the worker when the job is due again.
    fn waits(&self, transaction: &WriteTransaction, at: Timestamp) {
        match self.worker.clone() {
            Some(worker) => transaction.on_commit(move || worker.look_for(at)),
            None => transaction.wake_on_commit(&topic(&self.queue)),
        }
    }

    /// Adds a write that changes nothing if the lease was lost.
    pub(crate) fn write<const N: usize>(&self, transaction: &WriteTransaction, sql: &str, more: [Value; N]) {
        let statement = self.statement(transaction, sql, more);
        transaction.write(Write::new(TABLE, row_key(&self.queue, &self.key), statement));
    }

    /// A write that fails if the lease was lost.
    fn written<const N: usize>(&self, transaction: &WriteTransaction, sql: &str, more: [Value; N]) -> Write {
        let statement = self.statement(transaction, sql, more);
        let row = row_key(&self.queue, &self.key);
        let lost = format!("the lease of job {row} was lost; another worker does it");
        Write::new(TABLE, row, statement).must(lost)
    }

    fn statement<const N: usize>(&self, transaction: &WriteTransaction, sql: &str, more: [Value; N]) -> Statement {
        let own = [self.queue.as_str().into(), self.key.as_str().into(), self.lease.into()];
        let values: Vec<Value> = own.into_iter().chain(more).collect();
        Statement::from_sql_and_values(transaction.get_database_backend(), sql, values)
    }
}

/// The wake-up topic of a queue.
pub(crate) fn topic(queue: &str) -> String {
    format!("jobs {queue}")
}

/// The table of jobs.
pub(crate) const TABLE: &str = "jobs";

/// The key of a job's row.
pub(crate) fn row_key(queue: &str, key: &str) -> String {
    format!("{queue}/{key}")
}
