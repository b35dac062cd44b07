//! Completions of jobs that come without other changes. They are written together.
//!
//! Completions in a handler's own transaction are not here.

use database::{Database, Dialect, Error, Gather};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::json;

use crate::Job;

/// Jobs that end during a write are written with the next one.
#[derive(Clone, Debug)]
pub(crate) struct Completions {
    database: Database,
    deleted: Gather<Job, bool>,
}

impl Completions {
    pub(crate) fn new(database: Database) -> Self {
        let of_queue = database.clone();
        Self { database, deleted: Gather::new(move |jobs| delete(of_queue.clone(), jobs)) }
    }

    /// Completes a job, together with others that end at the same time.
    pub(crate) async fn complete(&self, job: &Job) -> Result<(), Error> {
        if self.deleted.ask(job.clone()).await? {
            return Ok(());
        }
        // The job is to run once more, or its lease was lost. A transaction of its own finds out which.
        let transaction = self.database.begin().await?;
        job.complete(&transaction);
        transaction.commit().await
    }
}

/// Deletes those of `jobs`, all of one queue, that are still leased and are not to run again. Returns which were
/// deleted.
async fn delete(database: Database, jobs: Vec<Job>) -> Result<Vec<bool>, Error> {
    let Some(queue) = jobs.first().map(|job| job.queue.clone()) else { return Ok(Vec::new()) };
    let leases: Vec<[String; 2]> = jobs.iter().map(|job| [job.key.clone(), lease(&database, job)]).collect();
    let values = [queue.into(), json!(leases).to_string().into()];

    let rows = match database.dialect() {
        Dialect::Postgres => {
            let sql = "DELETE FROM jobs USING json_array_elements($2::json) AS e
                WHERE queue = $1 AND key = e ->> 0 AND lease = (e ->> 1)::uuid AND again_at IS NULL RETURNING key";
            let reader = database.reader();
            let statement = Statement::from_sql_and_values(reader.get_database_backend(), sql, values);
            reader.query_all_raw(statement).await?
        }
        Dialect::Sqlite => {
            let sql = "DELETE FROM jobs WHERE queue = $1 AND again_at IS NULL
                AND key IN (SELECT value ->> 0 FROM json_each($2))
                AND EXISTS (SELECT 1 FROM json_each($2) e WHERE e.value ->> 0 = key AND e.value ->> 1 = hex(lease))
                RETURNING key";
            let transaction = database.begin().await?;
            let statement = Statement::from_sql_and_values(transaction.get_database_backend(), sql, values);
            let rows = transaction.query_all_raw(statement).await?;
            transaction.commit().await?;
            rows
        }
    };

    let gone = rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<Vec<String>, _>>()?;
    Ok(jobs.iter().map(|job| gone.contains(&job.key)).collect())
}

/// A lease in the SQL of the dialect. SQLite stores it as octets.
fn lease(database: &Database, job: &Job) -> String {
    match database.dialect() {
        Dialect::Postgres => job.lease.to_string(),
        Dialect::Sqlite => format!("{:X}", job.lease.simple()),
    }
}
