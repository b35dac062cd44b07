//! Putting jobs into a queue.

use clock::Timestamp;
use database::{Database, Error, WriteTransaction};
use sea_orm::{ConnectionTrait, Statement};
use serde::Serialize;

/// A job to be done.
#[derive(Clone, Debug)]
pub struct NewJob<'a, P> {
    /// What kind of work it is; one worker serves one queue.
    pub queue: &'a str,
    /// Names the job in its queue. A second job of the same name is the same job.
    pub key: String,
    /// Whom it may have to wait for. A worker bounds how many jobs of one lane run at once, so that one that hangs does
    /// not hold up the others. Empty if it waits for nobody outside: then no lane holds it up, however many hang.
    pub lane: String,
    /// What the handler needs to know, stored as JSON.
    pub payload: P,
    /// Not before.
    pub run_at: Timestamp,
}

impl<'a> NewJob<'a, ()> {
    /// A job whose key says everything.
    pub fn new(queue: &'a str, key: impl ToString, run_at: Timestamp) -> Self {
        NewJob { queue, key: key.to_string(), lane: String::new(), payload: (), run_at }
    }
}

impl<P> NewJob<'_, P> {
    /// The same job in a lane.
    pub fn in_lane(mut self, lane: impl ToString) -> Self {
        self.lane = lane.to_string();
        self
    }
}

/// Enqueues a job in the caller's transaction and wakes the workers of its queue once that is committed.
///
/// A waiting job of the same key is brought forward if this one is due earlier, and gets this payload. A job of
/// the same key that is running right now will run once more: nothing that is enqueued goes unseen.
pub async fn enqueue<P: Serialize>(transaction: &WriteTransaction, job: NewJob<'_, P>) -> Result<(), Error> {
    let payload = serde_json::to_string(&job.payload).map_err(|_| Error::OutOfRange { what: "a job's payload" })?;
    let sql = "INSERT INTO jobs (queue, key, lane, payload, due_at) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (queue, key) DO UPDATE SET
            payload = excluded.payload,
            due_at = CASE WHEN jobs.lease IS NULL AND excluded.due_at < jobs.due_at
                THEN excluded.due_at ELSE jobs.due_at END,
            again_at = CASE WHEN jobs.lease IS NULL THEN NULL
                WHEN jobs.again_at < excluded.due_at THEN jobs.again_at ELSE excluded.due_at END";
    let values = [job.queue.into(), job.key.into(), job.lane.into(), payload.into(), job.run_at.as_millis().into()];
    let backend = transaction.get_database_backend();
    transaction.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    transaction.wake_on_commit(&topic(job.queue));
    Ok(())
}

/// Takes a job out of its queue in the caller's transaction: what it waited for will not come. One that is running
/// right now finds its lease lost, so what it does in a transaction of its own does not happen.
pub async fn cancel(transaction: &WriteTransaction, queue: &str, key: impl ToString) -> Result<(), Error> {
    let sql = "DELETE FROM jobs WHERE queue = $1 AND key = $2";
    let backend = transaction.get_database_backend();
    let values = [queue.into(), key.to_string().into()];
    transaction.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    Ok(())
}

/// When a job that waits will run; `None` if there is none, or it is running right now.
pub async fn waiting_until(database: &Database, queue: &str, key: impl ToString) -> Result<Option<Timestamp>, Error> {
    let sql = "SELECT due_at FROM jobs WHERE queue = $1 AND key = $2 AND lease IS NULL";
    let reader = database.reader();
    let values = [queue.into(), key.to_string().into()];
    let row = reader.query_one_raw(Statement::from_sql_and_values(reader.get_database_backend(), sql, values)).await?;
    Ok(row.map(|row| row.try_get_by_index(0)).transpose()?.map(Timestamp::from_millis))
}

/// The wake-up topic of a queue.
pub(crate) fn topic(queue: &str) -> String {
    format!("jobs {queue}")
}
