//! Ends of jobs that carry nothing else, written together.
//!
//! Not the ends that are part of a handler's own transaction.

use database::{Database, Dialect, Error, Together};
use sea_orm::{ConnectionTrait, Statement, Value};
use serde_json::json;

use crate::Job;

/// So many ends are one statement at most.
const AT_ONCE: usize = 256;

/// What ends while others are written waits for the next write.
#[derive(Debug)]
pub(crate) struct Ends(Together<Job, bool>);

impl Ends {
    pub(crate) fn new() -> Self {
        Self(Together::new(AT_ONCE))
    }

    /// Completes a job, together with others that end at the same time.
    pub(crate) async fn complete(&self, database: &Database, job: &Job) -> Result<(), Error> {
        let together = self.0.bring(job.clone(), |jobs| delete(database.clone(), jobs));
        if together.await == Some(true) {
            return Ok(());
        }
        // It is asked for once more, its lease was lost, or the database was away: by itself it tells which.
        let transaction = database.begin().await?;
        job.complete(&transaction);
        transaction.commit().await
    }
}

/// Which of `jobs` were still leased, wanted once only, and are gone now.
async fn delete(database: Database, jobs: Vec<Job>) -> Vec<bool> {
    match deleted_keys(&database, &jobs).await {
        Ok(gone) => jobs.iter().map(|job| gone.contains(&job.key)).collect(),
        Err(_) => vec![false; jobs.len()],
    }
}

async fn deleted_keys(database: &Database, jobs: &[Job]) -> Result<Vec<String>, Error> {
    let Some(queue) = jobs.first().map(|job| job.queue.clone()) else { return Ok(Vec::new()) };
    let leases: Value =
        json!(jobs.iter().map(|job| [job.key.clone(), lease(database, job)]).collect::<Vec<_>>()).to_string().into();
    let values = [queue.into(), leases];
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
    Ok(rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, _>>()?)
}

/// A lease as the dialect writes it: SQLite keeps its octets.
fn lease(database: &Database, job: &Job) -> String {
    match database.dialect() {
        Dialect::Postgres => job.lease.to_string(),
        Dialect::Sqlite => format!("{:X}", job.lease.simple()),
    }
}
