//! Reports each fault once, even if many scans find it.
//!
//! It works within one monitor. Two monitors give a fault the same alarm id, so its event is stored once.

use std::collections::HashSet;

use uuid::Uuid;

use crate::alarm::Alarm;

/// The most alarms that are reported from one scan, and the most that are remembered. Of further ones only the number
/// is reported.
const REPORTED: usize = 10;
const REMEMBERED: usize = 10_000;

/// The faults that one monitor has reported.
#[derive(Debug, Default)]
pub(crate) struct AlarmDedup(HashSet<Uuid>);

impl AlarmDedup {
    /// The number of these faults, and those that must be reported now.
    pub(crate) fn new_of(&mut self, alarms: Vec<Alarm>) -> (u64, Vec<Alarm>) {
        let faults = alarms.iter().map(|alarm| alarm.id).collect::<HashSet<_>>().len() as u64;
        let mut fresh = Vec::new();
        for alarm in alarms {
            let room = fresh.len() < REPORTED && self.0.len() < REMEMBERED;
            if room && self.0.insert(alarm.id) {
                fresh.push(alarm);
            }
        }
        (faults, fresh)
    }
}
