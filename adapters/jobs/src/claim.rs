//! Finding due jobs and leasing them. Two workers never lease the same job at once.

use std::collections::HashMap;
use std::time::Duration;

use clock::{Entropy, Timestamp};
use database::{Database, Dialect, Error};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use uuid::Uuid;

use crate::Job;

/// What a worker has room for, beside what it runs.
///
/// Jobs in lanes wait for somebody outside, perhaps for long. They have places of their own, so that they never keep
/// a job without lane from running, and a lane gets at most half of the places that the others leave, so that there
/// is always one for a lane that has none yet.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    /// Jobs without lane at once.
    pub(crate) without_lane: usize,
    /// Jobs of one lane at once.
    pub(crate) per_lane: usize,
    /// Jobs of all lanes at once.
    pub(crate) in_lanes: usize,
    /// The jobs that run, by lane.
    pub(crate) running: HashMap<String, usize>,
    /// Jobs to be taken at most.
    pub(crate) at_most: usize,
}

impl Room {
    /// Whether a job of `lane` may run beside the others.
    fn has_place(&self, lane: &str) -> bool {
        let own = self.running.get(lane).copied().unwrap_or_default();
        if lane.is_empty() {
            return own < self.without_lane;
        }
        let left_by_others = self.in_lanes.saturating_sub(self.all_in_lanes() - own);
        own < left_by_others && own < self.per_lane.min((left_by_others / 2).max(1))
    }

    /// Whether a lane nobody works for may get its first place.
    fn has_place_for_one_more_lane(&self) -> bool {
        self.all_in_lanes() < self.in_lanes
    }

    fn all_in_lanes(&self) -> usize {
        self.running.iter().filter(|(lane, _)| !lane.is_empty()).map(|(_, count)| count).sum()
    }

    fn full_lanes(&self) -> Vec<&str> {
        let lanes = self.running.keys().filter(|lane| !lane.is_empty());
        lanes.filter(|lane| !self.has_place(lane)).map(String::as_str).collect()
    }

    /// How many jobs could be taken.
    pub(crate) fn jobs(&self) -> usize {
        let without_lane = self.running.get("").copied().unwrap_or_default();
        let free = self.without_lane.saturating_sub(without_lane) + self.in_lanes.saturating_sub(self.all_in_lanes());
        free.min(self.at_most)
    }

    fn take(&mut self, lane: &str) {
        *self.running.entry(lane.to_owned()).or_default() += 1;
        self.at_most = self.at_most.saturating_sub(1);
    }
}

/// When the next job of a lane with room may be taken.
pub(crate) async fn next_due(database: &Database, queue: &str, room: &Room) -> Result<Option<Timestamp>, Error> {
    let (condition, mut values) = with_place(room, 2);
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
    mut room: Room,
    now: Timestamp,
    lease: Duration,
) -> Result<Vec<Job>, Error> {
    let transaction = database.begin().await?;
    let backend = transaction.get_database_backend();
    let (condition, lanes) = with_place(&room, 4);
    let skip = if database.dialect() == Dialect::Postgres { " FOR UPDATE SKIP LOCKED" } else { "" };
    let sql = format!(
        "SELECT key, lane, payload, attempts FROM jobs WHERE queue = $1 AND due_at <= $2{condition}
         ORDER BY due_at LIMIT $3{skip}"
    );
    let most = i64::try_from(room.jobs()).unwrap_or(i64::MAX);
    let values: Vec<Value> = [queue.into(), now.as_millis().into(), most.into()].into_iter().chain(lanes).collect();
    let rows = transaction.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await?;

    let mut jobs = Vec::with_capacity(rows.len());
    for row in rows {
        let job = leased(&row, queue, entropy.uuid())?;
        if !room.has_place(&job.lane) {
            continue;
        }
        room.take(&job.lane);
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

/// The condition that leaves out jobs without place, with its values numbered from `first`.
fn with_place(room: &Room, first: usize) -> (String, Vec<Value>) {
    if !room.has_place_for_one_more_lane() {
        return (" AND lane = ''".to_owned(), Vec::new());
    }
    let full = room.full_lanes();
    let without_lane = if room.has_place("") { "" } else { " AND lane <> ''" };
    let places: Vec<String> = (first..first + full.len()).map(|place| format!("${place}")).collect();
    let elsewhere = if full.is_empty() { String::new() } else { format!(" AND lane NOT IN ({})", places.join(", ")) };
    let condition = format!("{without_lane}{elsewhere}");
    (condition, full.into_iter().map(Value::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes jobs of `lane` until there is no place for one more; how many.
    fn fill(room: &mut Room, lane: &str) -> usize {
        let mut taken = 0;
        while room.has_place(lane) {
            room.take(lane);
            taken += 1;
        }
        taken
    }

    fn room() -> Room {
        Room { without_lane: 4, per_lane: 8, in_lanes: 16, running: HashMap::new(), at_most: usize::MAX }
    }

    #[test]
    fn many_lanes_that_hang_leave_places_for_one_more_and_for_jobs_without_lane() {
        let mut room = room();
        let taken: Vec<usize> = ["a", "b", "c", "d"].iter().map(|lane| fill(&mut room, lane)).collect();
        assert_eq!(taken, [8, 4, 2, 1]);
        assert_eq!(fill(&mut room, "e"), 1);
        assert_eq!(fill(&mut room, "f"), 0, "every place is taken");
        assert_eq!(fill(&mut room, ""), 4);
    }

    #[test]
    fn a_place_given_back_is_free_for_another_lane_first() {
        let mut room = room();
        for lane in ["a", "b", "c", "d", "e"] {
            fill(&mut room, lane);
        }
        *room.running.get_mut("a").unwrap() -= 1;
        assert!(!room.has_place("a"), "it has more than half of what the others leave");
        assert!(room.has_place("f"));
    }

    #[test]
    fn jobs_without_lane_leave_the_places_of_lanes_alone() {
        let mut room = room();
        assert_eq!(fill(&mut room, ""), 4);
        assert_eq!(fill(&mut room, "a"), 8);
    }
}
