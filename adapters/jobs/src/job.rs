//! A leased job, and what may become of it.

use clock::Timestamp;
use database::{Error, WriteTransaction};
use sea_orm::{ConnectionTrait, Statement, Value};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::queue::topic;

/// A job this worker holds the lease of.
#[derive(Clone, Debug)]
pub struct Job {
    pub(crate) queue: String,
    pub(crate) key: String,
    pub(crate) lane: String,
    pub(crate) payload: String,
    pub(crate) attempt: u32,
    pub(crate) lease: Uuid,
}

/// Why a leased job could not be settled.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// The lease ran out and somebody else has the job: whatever this transaction did must be rolled back.
    #[error("the lease of job {0} was lost; another worker does it")]
    Lost(String),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] Error),
}

impl Job {
    /// The name of the job in its queue.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whom it may have to wait for; see [`crate::NewJob::lane`].
    pub fn lane(&self) -> &str {
        &self.lane
    }

    /// Which attempt this is, from 1. Starts over when the job is completed or run again on purpose.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// What was enqueued with it.
    pub fn payload<P: DeserializeOwned>(&self) -> Result<P, serde_json::Error> {
        serde_json::from_str(&self.payload)
    }

    /// Ends the job in the handler's own transaction, together with what it did.
    pub async fn complete(&self, transaction: &WriteTransaction) -> Result<(), LeaseError> {
        let ended = "DELETE FROM jobs WHERE queue = $1 AND key = $2 AND lease = $3 AND again_at IS NULL";
        if self.execute(transaction, ended, []).await? {
            return Ok(());
        }
        let again = "UPDATE jobs SET due_at = again_at, again_at = NULL, lease = NULL, attempts = 0, last_error = NULL
            WHERE queue = $1 AND key = $2 AND lease = $3";
        self.must(self.execute(transaction, again, []).await?)?;
        transaction.wake_on_commit(&topic(&self.queue));
        Ok(())
    }

    /// Lets the job run again at `at`, as a fresh job, in the handler's own transaction.
    pub(crate) async fn run_again(&self, transaction: &WriteTransaction, at: Timestamp) -> Result<(), LeaseError> {
        let sql = "UPDATE jobs SET due_at = CASE WHEN again_at < $4 THEN again_at ELSE $4 END,
                again_at = NULL, lease = NULL, attempts = 0, last_error = NULL
            WHERE queue = $1 AND key = $2 AND lease = $3";
        self.must(self.execute(transaction, sql, [at.as_millis().into()]).await?)?;
        transaction.wake_on_commit(&topic(&self.queue));
        Ok(())
    }

    /// Lets the job be tried again at `at`; attempts go on counting.
    pub async fn retry(&self, transaction: &WriteTransaction, at: Timestamp, error: &str) -> Result<(), LeaseError> {
        let sql = "UPDATE jobs SET due_at = CASE WHEN again_at < $4 THEN again_at ELSE $4 END,
                again_at = NULL, lease = NULL, last_error = $5
            WHERE queue = $1 AND key = $2 AND lease = $3";
        let values = [at.as_millis().into(), error.chars().take(2000).collect::<String>().into()];
        self.must(self.execute(transaction, sql, values).await?)?;
        transaction.wake_on_commit(&topic(&self.queue));
        Ok(())
    }

    pub(crate) async fn renew(&self, transaction: &WriteTransaction, until: Timestamp) -> Result<(), LeaseError> {
        let sql = "UPDATE jobs SET due_at = $4 WHERE queue = $1 AND key = $2 AND lease = $3";
        let renewed = self.execute(transaction, sql, [until.as_millis().into()]).await?;
        self.must(renewed)
    }

    fn must(&self, done: bool) -> Result<(), LeaseError> {
        if done { Ok(()) } else { Err(LeaseError::Lost(format!("{}/{}", self.queue, self.key))) }
    }

    async fn execute<const N: usize>(
        &self,
        transaction: &WriteTransaction,
        sql: &str,
        more: [Value; N],
    ) -> Result<bool, Error> {
        let own = [self.queue.as_str().into(), self.key.as_str().into(), self.lease.into()];
        let statement = Statement::from_sql_and_values(
            transaction.get_database_backend(),
            sql,
            own.into_iter().chain(more).collect::<Vec<Value>>(),
        );
        Ok(transaction.execute_raw(statement).await.map_err(Error::from)?.rows_affected() > 0)
    }
}
