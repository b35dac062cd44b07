//! Leases due jobs, as many as there is room for, and finds out when the next will be due. Two workers never lease the
//! same job at once.
//!
//! This is one statement on Postgres and one crossing on SQLite, however many jobs there are.

use clock::Timestamp;
use database::{Database, Dialect, Error};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use uuid::Uuid;

use crate::Job;
use crate::capacity::Capacity;

/// The result of asking the database for due jobs.
#[derive(Debug)]
pub(crate) struct Claimed {
    /// The jobs that this worker has leased.
    pub(crate) jobs: Vec<Job>,
    /// When the next job for which there is room will be due, according to the database.
    pub(crate) next_due: Option<Timestamp>,
    /// Whether due jobs were skipped because other transactions had locked them. There may then be more.
    pub(crate) others_at_work: bool,
}

/// The due jobs for which there is room, oldest first. `places` has the free places of each lane, `$7` those of any
/// other lane. The jobs of a lane are counted, so that no lane takes more than its places.
const DUE: &str = "SELECT key FROM (
        SELECT key, row_number() OVER (PARTITION BY lane = '' ORDER BY due_at) AS of_kind,
            CASE lane WHEN '' THEN $4 ELSE $5 END AS room
        FROM (
            SELECT key, lane, due_at, places, row_number() OVER (PARTITION BY lane ORDER BY due_at) AS of_lane
            FROM (
                SELECT j.key, j.lane, j.due_at, COALESCE(p.places, $7) AS places
                FROM jobs j LEFT JOIN places p ON p.lane = j.lane
                WHERE j.queue = $1 AND j.due_at <= $2 AND COALESCE(p.places, $7) > 0
                ORDER BY j.due_at LIMIT $4 + $5
            ) AS candidates
        ) AS counted WHERE of_lane <= places
    ) AS fitting WHERE of_kind <= room";

/// When the next job will be due in a lane with room. The end of another worker's lease counts as due, too.
const NEXT: &str = "SELECT j.due_at FROM jobs j LEFT JOIN places p ON p.lane = j.lane
    WHERE j.queue = $1 AND j.due_at > $2 AND COALESCE(p.places, $7) > 0 AND (j.lease IS NULL OR j.lease <> $8)
    ORDER BY j.due_at LIMIT 1";

/// Leases the due jobs for which there is room.
pub(crate) async fn claim(
    database: &Database,
    queue: &str,
    room: &Capacity,
    lease: Uuid,
    now: Timestamp,
    until: Timestamp,
) -> Result<Claimed, Error> {
    let values: [Value; 8] = [
        queue.into(),
        now.as_millis().into(),
        until.as_millis().into(),
        count(room.without_lane()).into(),
        count(room.in_new_lanes_at_once()).into(),
        room.places_as_json().into(),
        count(room.places_of_a_new_lane()).into(),
        lease.into(),
    ];

    let rows = match database.dialect() {
        Dialect::Postgres => in_one_statement(database, values).await?,
        Dialect::Sqlite => in_one_crossing(database, values).await?,
    };

    let jobs = rows.jobs.iter().map(|row| leased(row, queue, lease, until)).collect::<Result<Vec<_>, Error>>()?;
    let others_at_work = rows.due > jobs.len();
    Ok(Claimed { jobs, next_due: rows.next_due.map(Timestamp::from_millis), others_at_work })
}

struct Rows {
    jobs: Vec<QueryResult>,
    next_due: Option<i64>,
    /// How many jobs were due.
    due: usize,
}

async fn in_one_statement(database: &Database, values: [Value; 8]) -> Result<Rows, Error> {
    let sql = format!(
        "WITH places AS (SELECT key AS lane, value::bigint AS places FROM json_each_text($6::json)),
        due AS ({DUE}),
        free AS (SELECT key FROM jobs WHERE queue = $1 AND key IN (SELECT key FROM due) AND due_at <= $2
            FOR UPDATE SKIP LOCKED),
        taken AS (UPDATE jobs SET lease = $8, due_at = $3, attempts = attempts + 1
            WHERE queue = $1 AND key IN (SELECT key FROM free) RETURNING key, lane, payload, attempts)
        SELECT key, lane, payload, attempts, NULL::bigint AS next_due, NULL::bigint AS due FROM taken
        UNION ALL SELECT NULL, NULL, NULL, NULL, ({NEXT}), (SELECT count(*) FROM due)"
    );
    let reader = database.reader();
    let statement = Statement::from_sql_and_values(reader.get_database_backend(), sql, values);
    let mut rows = Rows { jobs: Vec::new(), next_due: None, due: 0 };
    for row in reader.query_all_raw(statement).await? {
        match row.try_get_by_index::<Option<i64>>(5)? {
            Some(due) => {
                rows.next_due = row.try_get_by_index(4)?;
                rows.due = usize::try_from(due).unwrap_or(0);
            }
            None => rows.jobs.push(row),
        }
    }
    Ok(rows)
}

async fn in_one_crossing(database: &Database, values: [Value; 8]) -> Result<Rows, Error> {
    const PLACES: &str = "WITH places AS (SELECT key AS lane, value AS places FROM json_each($6))";
    let take = format!(
        "{PLACES} UPDATE jobs SET lease = $8, due_at = $3, attempts = attempts + 1
        WHERE queue = $1 AND key IN ({DUE}) RETURNING key, lane, payload, attempts"
    );
    let next = format!("{PLACES} {NEXT}");
    let transaction = database.begin().await?;
    let backend = transaction.get_database_backend();
    let both = [take, next].map(|sql| Statement::from_sql_and_values(backend, sql, values.clone()));
    let mut answers = transaction.query_together(both.to_vec()).await?;
    transaction.commit().await?;
    let next = answers.pop().and_then(|mut rows| rows.pop());
    let next_due = next.map(|row| row.try_get_by_index(0)).transpose()?;
    let jobs = answers.pop().unwrap_or_default();
    // One unit writes at a time, so nothing is skipped.
    Ok(Rows { due: jobs.len(), jobs, next_due })
}

fn leased(row: &QueryResult, queue: &str, lease: Uuid, until: Timestamp) -> Result<Job, Error> {
    let attempts: i32 = row.try_get_by_index(3)?;
    Ok(Job {
        queue: queue.to_owned(),
        key: row.try_get_by_index(0)?,
        lane: row.try_get_by_index(1)?,
        payload: row.try_get_by_index(2)?,
        attempt: u32::try_from(attempts).unwrap_or(0),
        lease,
        until,
        worker: None,
        carried: None,
        place: None,
    })
}

fn count(places: usize) -> i64 {
    // More than any number of jobs, and small enough that a sum of two does not overflow.
    i64::try_from(places).unwrap_or(i64::MAX).min(1 << 30)
}

/// A job whose time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueJob {
    /// Its name in its queue.
    pub key: String,
    /// Since when.
    pub due_at: Timestamp,
}

/// The jobs of a queue whose time has come, longest first: at most `limit` of those that follow on `after`.
pub async fn due_jobs(
    database: &Database,
    queue: &str,
    now: Timestamp,
    after: Option<&DueJob>,
    limit: u32,
) -> Result<Vec<DueJob>, Error> {
    let sql = "SELECT key, due_at FROM jobs WHERE queue = $1 AND due_at <= $2
        AND (due_at > $3 OR (due_at = $3 AND key > $4)) ORDER BY due_at, key LIMIT $5";
    let (since, key) = after.map_or((i64::MIN, ""), |job| (job.due_at.as_millis(), job.key.as_str()));
    let values: [Value; 5] = [queue.into(), now.as_millis().into(), since.into(), key.into(), i64::from(limit).into()];
    let reader = database.reader();
    let rows = reader.query_all_raw(Statement::from_sql_and_values(reader.get_database_backend(), sql, values)).await?;
    rows.iter()
        .map(|row| {
            Ok(DueJob { key: row.try_get_by_index(0)?, due_at: Timestamp::from_millis(row.try_get_by_index(1)?) })
        })
        .collect()
}

/// Leases one job by its key, unless another worker has it.
pub(crate) async fn claim_one(
    database: &Database,
    queue: &str,
    key: &str,
    lease: Uuid,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Job>, Error> {
    let sql = "UPDATE jobs SET lease = $3, due_at = $5, attempts = attempts + 1
        WHERE queue = $1 AND key = $2 AND (lease IS NULL OR due_at <= $4) RETURNING key, lane, payload, attempts";
    let values: [Value; 5] = [queue.into(), key.into(), lease.into(), now.as_millis().into(), until.as_millis().into()];
    let transaction = database.begin().await?;
    let statement = Statement::from_sql_and_values(transaction.get_database_backend(), sql, values);
    let row = transaction.query_one_raw(statement).await?;
    transaction.commit().await?;
    row.map(|row| leased(&row, queue, lease, until)).transpose()
}

/// Gives back jobs that were leased but not started.
pub(crate) async fn give_back(database: &Database, jobs: &[Job], now: Timestamp) -> Result<(), Error> {
    let transaction = database.begin().await?;
    let sql = "UPDATE jobs SET lease = NULL, due_at = $4, attempts = attempts - 1
        WHERE queue = $1 AND key = $2 AND lease = $3";
    for job in jobs {
        job.write(&transaction, sql, [now.as_millis().into()]);
    }
    transaction.commit().await
}
