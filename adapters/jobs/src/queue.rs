//! Putting jobs into a queue.
//! Taking jobs out of it is in `worker`.

use std::any::Any;
use std::sync::Arc;

use clock::Timestamp;
use database::{Database, Error, Write, WriteTransaction};
use sea_orm::{ConnectionTrait, Statement, Value};
use serde::Serialize;

use crate::job::{DueJobListener, Job, TABLE, row_key, topic};
use crate::local_queue::{LocalQueue, LocalQueues, Reserved};

/// A job to be done.
#[derive(Clone, Debug)]
pub struct NewJob<'a, P> {
    /// The queue. One worker serves one queue.
    pub queue: &'a str,
    /// The key of the job in its queue. A second job of the same key is the same job.
    pub key: String,
    /// The party that it may have to wait for. A worker limits how many jobs of one lane run at the same time, so that
    /// a slow party does not delay jobs for others. Empty if it waits for no party; then no lane delays it.
    pub lane: String,
    /// The data that the handler needs, stored as JSON.
    pub payload: P,
    /// The earliest time at which it runs.
    pub run_at: Timestamp,
    /// Data for a handler in this process, if the job runs where it was created. It is not stored.
    pub carried: Option<Arc<dyn Any + Send + Sync>>,
    /// How a waiting job with this key is handled.
    pub if_waiting: IfWaiting,
}

/// How a waiting job is handled when one with the same key is enqueued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IfWaiting {
    /// The waiting job is due earlier, if the new one is.
    #[default]
    BringForward,
    /// The waiting job keeps its time and does the work of both. This is for jobs that process rows written elsewhere,
    /// in order. The data that the new job carries is left for it only if there is no other job with its key.
    LeaveIt,
}

impl<'a> NewJob<'a, ()> {
    /// A job without payload, whose key is all that the handler needs.
    pub fn new(queue: &'a str, key: impl ToString, run_at: Timestamp) -> Self {
        NewJob {
            queue,
            key: key.to_string(),
            lane: String::new(),
            payload: (),
            run_at,
            carried: None,
            if_waiting: IfWaiting::default(),
        }
    }
}

impl<P> NewJob<'_, P> {
    /// The same job in a lane.
    pub fn in_lane(mut self, lane: impl ToString) -> Self {
        self.lane = lane.to_string();
        self
    }

    /// The same job, which does not bring forward one of its name that waits.
    pub fn behind_one_that_waits(mut self) -> Self {
        self.if_waiting = IfWaiting::LeaveIt;
        self
    }

    /// The same job with data for its first attempt, so that the data need not be read from the database.
    pub fn carrying(mut self, value: Arc<dyn Any + Send + Sync>) -> Self {
        self.carried = Some(value);
        self
    }
}

const INSERT: &str = "INSERT INTO jobs (queue, key, lane, payload, due_at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (queue, key) DO UPDATE SET
        payload = excluded.payload,
        due_at = CASE WHEN jobs.lease IS NULL AND excluded.due_at < jobs.due_at
            THEN excluded.due_at ELSE jobs.due_at END,
        again_at = CASE WHEN jobs.lease IS NULL THEN NULL
            WHEN jobs.again_at < excluded.due_at THEN jobs.again_at ELSE excluded.due_at END";
/// Meets no row if a job of this key is running, or has failed and continues to count its attempts.
const INSERT_LEASED: &str = "INSERT INTO jobs (queue, key, lane, payload, due_at, lease, attempts)
    VALUES ($1, $2, $3, $4, $5, $6, 1)
    ON CONFLICT (queue, key) DO UPDATE SET
        payload = excluded.payload, due_at = excluded.due_at, lease = excluded.lease, attempts = 1
    WHERE jobs.lease IS NULL AND jobs.attempts = 0 AND jobs.lane = excluded.lane";
const INSERT_BEHIND: &str = "INSERT INTO jobs (queue, key, lane, payload, due_at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (queue, key) DO UPDATE SET
        again_at = CASE WHEN jobs.lease IS NULL THEN NULL
            WHEN jobs.again_at < excluded.due_at THEN jobs.again_at ELSE excluded.due_at END";
/// Meets no row if there is a job of this key.
const INSERT_LEASED_ALONE: &str = "INSERT INTO jobs (queue, key, lane, payload, due_at, lease, attempts)
    VALUES ($1, $2, $3, $4, $5, $6, 1) ON CONFLICT (queue, key) DO NOTHING";

/// Enqueues a job in the caller's transaction. After the commit the worker of its queue in this process runs it, if it
/// is due and there is room. Otherwise the first worker that finds it runs it.
///
/// A waiting job of the same key gets this payload, and the earlier of the two due times, unless this one says otherwise
/// ([`IfWaiting`]). If a job of the same key is running right now, it runs once more afterwards.
pub fn enqueue<P: Serialize>(transaction: &WriteTransaction, job: NewJob<'_, P>) -> Result<(), Error> {
    let payload = serde_json::to_string(&job.payload).map_err(|_| Error::OutOfRange { what: "a job's payload" })?;
    let backend = transaction.get_database_backend();
    let row = row_key(job.queue, &job.key);

    let insert = |sql: &str, due_at: Timestamp, more: Option<Value>| {
        let values: [Value; 5] = [
            job.queue.into(),
            job.key.as_str().into(),
            job.lane.as_str().into(),
            payload.as_str().into(),
            due_at.as_millis().into(),
        ];
        Statement::from_sql_and_values(backend, sql, values.into_iter().chain(more))
    };

    let (plain, if_leased) = match job.if_waiting {
        IfWaiting::BringForward => (INSERT, INSERT_LEASED),
        IfWaiting::LeaveIt => (INSERT_BEHIND, INSERT_LEASED_ALONE),
    };
    let waiting = insert(plain, job.run_at, None);

    let queues = transaction.shared::<LocalQueues>().of(job.queue);
    let reserved = queues.iter().find_map(|local_queue| local_queue.reserve(&job.lane, job.run_at));
    let Some(Reserved { lease, until, place }) = reserved else {
        transaction.write(Write::new(TABLE, row, waiting));
        tell_of_waiting(transaction, queues, &job);
        return Ok(());
    };

    let mut leased = Write::new(TABLE, row, insert(if_leased, until, Some(lease.into()))).otherwise(waiting);
    let is_leased = leased.met();
    transaction.write(leased);

    let born = Job {
        queue: job.queue.to_owned(),
        key: job.key,
        lane: job.lane,
        payload,
        attempt: 1,
        lease,
        until,
        worker: Some(Arc::clone(place.local_queue()) as Arc<dyn DueJobListener>),
        carried: job.carried,
        place: None,
    };

    let run_at = job.run_at;
    transaction.on_commit(move || {
        let local_queue = Arc::clone(place.local_queue());
        if is_leased.get() {
            local_queue.hand_over(born, place);
        } else {
            drop(place);
            local_queue.waits(&born.lane, run_at);
        }
    });
    Ok(())
}

/// Informs the worker in this process at once. Informs other processes if the job is due and there is no room or no
/// worker here. A job that is due later is found by other workers when they next ask the database.
fn tell_of_waiting<P>(transaction: &WriteTransaction, queues: Vec<Arc<LocalQueue>>, job: &NewJob<'_, P>) {
    if queues.iter().all(|local_queue| local_queue.is_due(job.run_at)) {
        transaction.wake_elsewhere_on_commit(&topic(job.queue));
    }
    let (lane, run_at) = (job.lane.clone(), job.run_at);
    transaction.on_commit(move || {
        for local_queue in queues {
            local_queue.waits(&lane, run_at);
        }
    });
}

/// Removes a job from its queue in the caller's transaction. A job that is running right now loses its lease, so its
/// own transaction fails.
pub fn cancel(transaction: &WriteTransaction, queue: &str, key: impl ToString) {
    let sql = "DELETE FROM jobs WHERE queue = $1 AND key = $2";
    let key = key.to_string();
    let row = row_key(queue, &key);
    let statement = Statement::from_sql_and_values(transaction.get_database_backend(), sql, [queue.into(), key.into()]);
    transaction.write(Write::new(TABLE, row, statement));
}

/// Makes the waiting jobs of a lane due at `now` that were put off for this `reason`; see [`crate::Job::put_off`]. They
/// count their attempts anew. Call it after the locks are taken that those wait for who put jobs off for this reason.
pub async fn release(
    transaction: &WriteTransaction,
    queue: &str,
    lane: &str,
    reason: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let sql = "UPDATE jobs SET due_at = $4, attempts = 0, last_error = NULL
        WHERE queue = $1 AND lane = $2 AND last_error = $3 AND lease IS NULL AND due_at > $4";
    let values = [queue.into(), lane.into(), reason.into(), now.as_millis().into()];
    transaction.execute_raw(Statement::from_sql_and_values(transaction.get_database_backend(), sql, values)).await?;
    transaction.wake_on_commit(&topic(queue));
    Ok(())
}

/// When a waiting job will run; `None` if there is none, or it is running right now.
pub async fn waiting_until(database: &Database, queue: &str, key: impl ToString) -> Result<Option<Timestamp>, Error> {
    let sql = "SELECT due_at FROM jobs WHERE queue = $1 AND key = $2 AND lease IS NULL";
    let reader = database.reader();
    let values = [queue.into(), key.to_string().into()];
    let row = reader.query_one_raw(Statement::from_sql_and_values(reader.get_database_backend(), sql, values)).await?;
    Ok(row.map(|row| row.try_get_by_index(0)).transpose()?.map(Timestamp::from_millis))
}
