//! What happens after a commit: closures are run, and subscribers are woken.
//!
//! It does not decide when a unit is committed.

use std::collections::BTreeSet;

use crate::wake::Wakeups;

/// What happens after the commit of a unit.
#[derive(Default)]
pub(crate) struct Afterwards {
    pub(crate) topics: BTreeSet<String>,
    pub(crate) topics_elsewhere: BTreeSet<String>,
    pub(crate) told: BTreeSet<&'static str>,
    pub(crate) then: Vec<Box<dyn FnOnce() + Send>>,
}

impl Afterwards {
    /// After the commit.
    pub(crate) fn happen(self, wakeups: &Wakeups) {
        for then in self.then {
            then();
        }
        for topic in self.topics_elsewhere.difference(&self.topics) {
            wakeups.wake_elsewhere(topic.clone());
        }
        for topic in self.told {
            wakeups.tell(topic);
        }
        for topic in self.topics {
            wakeups.wake(topic);
        }
    }
}
