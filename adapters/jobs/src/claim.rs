//! Finding due jobs and leasing them. Two workers never lease the same job at once.

use std::collections::HashMap;
use std::time::Duration;

use clock::{Entropy, Timestamp};
use database::{Database, Dialect, Error};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use uuid::Uuid;

use crate::Job;

/// What a worker has room for.
#[derive(Debug)]
pub(crate) struct Room<'a> {
    pub(crate) jobs: usize,
    pub(crate) per_lane: usize,
    pub(crate) running: &'a HashMap<String, usize>,
}

impl Room<'_> {
    fn full_lanes(&self) -> Vec<&str> {
        let full = self.running.iter().filter(|(lane, count)| !lane.is_empty() && **count >= self.per_lane);
        full.map(|(lane, _)| lane.as_str()).collect()
    }
}

/// When the next job of a lane with room may be taken.
pub(crate) async fn next_due(database: &Database, queue: &str, room: &Room<'_>) -> Result<Option<Timestamp>, Error> {
    let (condition, mut values) = elsewhere(room, 2);
    values.insert(0, queue.into());
    let sql = format!("SELECT due_at FROM jobs WHERE queue = $1{condition} ORDER BY due_at LIMIT 1");
    let reader = database.reader();
    let row = reader.query_one_raw(Statement::from_sql_and_values(reader.get_database_backend(), sql, values)).await?;
    Ok(row.map(|row| row.try_get_by_index(0)).transpose()?.map(Timestamp::from_millis))
}

/// Leases as many due jobs as there is room for, oldest first.
pub(crate) async fn claim(
    database: &Database,
    entropy: &dyn Entropy,
    queue: &str,
    room: &Room<'_>,
    now: Timestamp,
    lease: Duration,
) -> Result<Vec<Job>, Error> {
    let transaction = database.begin().await?;
    let backend = transaction.get_database_backend();
    let (condition, lanes) = elsewhere(room, 4);
    let skip = if database.dialect() == Dialect::Postgres { " FOR UPDATE SKIP LOCKED" } else { "" };
    let sql = format!(
        "SELECT key, lane, payload, attempts FROM jobs WHERE queue = $1 AND due_at <= $2{condition}
         ORDER BY due_at LIMIT $3{skip}"
    );
    let most = i64::try_from(room.jobs).unwrap_or(i64::MAX);
    let values: Vec<Value> = [queue.into(), now.as_millis().into(), most.into()].into_iter().chain(lanes).collect();
    let rows = transaction.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await?;

    let mut running = room.running.clone();
    let mut jobs = Vec::with_capacity(rows.len());
    for row in rows {
        let job = leased(&row, queue, entropy.uuid())?;
        let count = running.entry(job.lane.clone()).or_default();
        if !job.lane.is_empty() && *count >= room.per_lane {
            continue;
        }
        *count += 1;
        let sql = "UPDATE jobs SET lease = $3, due_at = $4, attempts = $5 WHERE queue = $1 AND key = $2";
        let values = [
            queue.into(),
            job.key.as_str().into(),
            job.lease.into(),
            (now + lease).as_millis().into(),
            i64::from(job.attempt).into(),
        ];
        transaction.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
        jobs.push(job);
    }
    transaction.commit().await?;
    Ok(jobs)
}

fn leased(row: &QueryResult, queue: &str, lease: Uuid) -> Result<Job, Error> {
    let attempts: i32 = row.try_get_by_index(3)?;
    Ok(Job {
        queue: queue.to_owned(),
        key: row.try_get_by_index(0)?,
        lane: row.try_get_by_index(1)?,
        payload: row.try_get_by_index(2)?,
        attempt: u32::try_from(attempts).unwrap_or(0).saturating_add(1),
        lease,
    })
}

/// The condition that leaves out lanes without room, with its values numbered from `first`.
fn elsewhere(room: &Room<'_>, first: usize) -> (String, Vec<Value>) {
    let full = room.full_lanes();
    if full.is_empty() {
        return (String::new(), Vec::new());
    }
    let places: Vec<String> = (first..first + full.len()).map(|place| format!("${place}")).collect();
    (format!(" AND lane NOT IN ({})", places.join(", ")), full.into_iter().map(Value::from).collect())
}
