//! Completions of jobs that come without other changes. They are written together.
//!
//! Completions in a handler's own transaction are not here.

use database::{Database, Dialect, Error, Gather, Write};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::json;

use crate::Job;
use crate::job::TABLE;

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

/// A write that completes jobs. It changes a row for each that is still leased and was not enqueued again meanwhile.
///
/// If it changes fewer, complete each job by itself with [`Job::complete`].
pub fn completed<'j>(database: &Database, jobs: impl Iterator<Item = &'j Job>) -> Write {
    let list: Vec<[String; 3]> = jobs.map(|job| [job.queue.clone(), job.key.clone(), lease(database, job)]).collect();
    let (backend, sql) = match database.dialect() {
        Dialect::Postgres => (
            DbBackend::Postgres,
            "DELETE FROM jobs USING json_array_elements($1::json) AS e
            WHERE queue = e ->> 0 AND key = e ->> 1 AND lease = (e ->> 2)::uuid AND again_at IS NULL",
        ),
        Dialect::Sqlite => (
            DbBackend::Sqlite,
            "DELETE FROM jobs WHERE rowid IN (
                SELECT j.rowid FROM json_each($1) e
                CROSS JOIN jobs j ON j.queue = e.value ->> 0 AND j.key = e.value ->> 1
                WHERE hex(j.lease) = e.value ->> 2 AND j.again_at IS NULL)",
        ),
    };
    let statement = Statement::from_sql_and_values(backend, sql, [json!(list).to_string().into()]);
    let lost = Error::Overtaken { what: "the lease of a job was lost; another worker does it".to_owned() };
    Write::new(TABLE, "completed", statement).must(lost).for_rows(list.len())
}

/// A lease in the SQL of the dialect. SQLite stores it as octets.
fn lease(database: &Database, job: &Job) -> String {
    match database.dialect() {
        Dialect::Postgres => job.lease.to_string(),
        Dialect::Sqlite => format!("{:X}", job.lease.simple()),
    }
}
