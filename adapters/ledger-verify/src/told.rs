//! Which faults were told before: a fault is told once, however often it is seen.
//!
//! By one monitor; that no other one tells it again is in the id of the alarm.

use std::collections::HashSet;

use uuid::Uuid;

use crate::alarm::Alarm;

/// Alarms told from one look, and kept in mind to be told once; beyond, a look says only how many more there are.
const TOLD: usize = 10;
const REMEMBERED: usize = 10_000;

/// The faults told by one monitor.
#[derive(Debug, Default)]
pub(crate) struct Told(HashSet<Uuid>);

impl Told {
    /// How many faults these are, and those of them to be told now.
    pub(crate) fn sift(&mut self, alarms: Vec<Alarm>) -> (u64, Vec<Alarm>) {
        let faults = alarms.iter().map(|alarm| alarm.id).collect::<HashSet<_>>().len() as u64;
        let mut fresh = Vec::new();
        for alarm in alarms {
            let room = fresh.len() < TOLD && self.0.len() < REMEMBERED;
            if room && self.0.insert(alarm.id) {
                fresh.push(alarm);
            }
        }
        (faults, fresh)
    }
}
