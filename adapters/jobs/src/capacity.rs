//! How many more jobs a worker may run.
//! Which job runs next is decided in `local_queue`.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// Jobs in lanes wait for other parties, perhaps for long. They have places of their own, so they never delay jobs
/// without a lane. A lane gets at most half of the places that other lanes leave, so there is always a place for a lane
/// that has none yet.
#[derive(Clone, Debug)]
pub(crate) struct Capacity {
    /// Places for jobs without a lane.
    pub(crate) without_lane: usize,
    /// Places for jobs of one lane.
    pub(crate) per_lane: usize,
    /// Places for jobs of all lanes together.
    pub(crate) in_lanes: usize,
    /// The running jobs, by lane.
    pub(crate) running: HashMap<String, usize>,
}

impl Capacity {
    /// Stands for every lane that has no job yet. No lane has this name, because lanes are named after hosts and ids.
    pub(crate) const ANY_LANE: &str = "\0";

    /// Whether one more job of `lane` may run.
    pub(crate) fn has_place(&self, lane: &str) -> bool {
        self.places(lane) > 0
    }

    /// How many more jobs of `lane` may run if no other lane takes places.
    pub(crate) fn places(&self, lane: &str) -> usize {
        let own = self.running.get(lane).copied().unwrap_or_default();
        if lane.is_empty() {
            return self.without_lane.saturating_sub(own);
        }
        let left_by_others = self.in_lanes.saturating_sub(self.all_in_lanes() - own);
        let at_most = self.per_lane.min((left_by_others / 2).max(1)).min(left_by_others);
        at_most.saturating_sub(own)
    }

    /// How many more jobs without a lane may run.
    pub(crate) fn without_lane(&self) -> usize {
        self.places("")
    }

    /// How many jobs of a new lane may run.
    pub(crate) fn places_of_a_new_lane(&self) -> usize {
        self.places(Self::ANY_LANE)
    }

    /// How many jobs of new lanes may be taken at once: half of the free places, so that later lanes find some.
    pub(crate) fn in_new_lanes_at_once(&self) -> usize {
        let free = self.in_lanes.saturating_sub(self.all_in_lanes());
        free.div_ceil(2)
    }

    /// Whether any job may run.
    pub(crate) fn has_any(&self) -> bool {
        self.without_lane() > 0 || self.in_new_lanes_at_once() > 0
    }

    /// The places of every lane that has jobs, and of jobs without a lane, as `{"lane": places}`.
    pub(crate) fn places_as_json(&self) -> String {
        let lanes = self.running.keys().map(String::as_str).chain([""]);
        let places = lanes.map(|lane| (lane.to_owned(), Value::from(self.places(lane))));
        Value::Object(places.collect::<Map<String, Value>>()).to_string()
    }

    pub(crate) fn take(&mut self, lane: &str) {
        *self.running.entry(lane.to_owned()).or_default() += 1;
    }

    pub(crate) fn give_back(&mut self, lane: &str) {
        if let Some(count) = self.running.get_mut(lane) {
            *count -= 1;
            if *count == 0 {
                self.running.remove(lane);
            }
        }
    }

    fn all_in_lanes(&self) -> usize {
        self.running.iter().filter(|(lane, _)| !lane.is_empty()).map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes places for jobs of `lane` until there is none left, and returns their number.
    fn fill(room: &mut Capacity, lane: &str) -> usize {
        let mut taken = 0;
        while room.has_place(lane) {
            room.take(lane);
            taken += 1;
        }
        taken
    }

    fn room() -> Capacity {
        Capacity { without_lane: 4, per_lane: 8, in_lanes: 16, running: HashMap::new() }
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
        room.give_back("a");
        assert!(!room.has_place("a"), "it has more than half of what the others leave");
        assert!(room.has_place("f"));
    }

    #[test]
    fn jobs_without_lane_leave_the_places_of_lanes_alone() {
        let mut room = room();
        assert_eq!(fill(&mut room, ""), 4);
        assert_eq!(fill(&mut room, "a"), 8);
    }

    #[test]
    fn the_places_of_lanes_with_jobs_and_of_other_lanes_are_reported() {
        let mut room = room();
        fill(&mut room, "a");
        room.take("");
        let told: Value = serde_json::from_str(&room.places_as_json()).unwrap();
        assert_eq!(told, serde_json::json!({"a": 0, "": 3}));
        assert_eq!((room.places_of_a_new_lane(), room.in_new_lanes_at_once()), (4, 4));
    }
}
