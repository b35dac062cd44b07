//! Packets with money under way in this process. A repetition waits for the first packet instead of racing it.
//! Packets that the ledger knows are in `recorded`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ledger::TransferId;
use tokio::sync::watch;

use crate::outcome::Outcome;

/// The packets under way, by the id of their transfers.
#[derive(Clone, Debug, Default)]
pub(crate) struct InFlight(Arc<Mutex<HashMap<TransferId, watch::Receiver<Option<Outcome>>>>>);

/// What to do with a packet.
#[derive(Debug)]
pub(crate) enum Role {
    /// No other task has the packet: handle it, and publish the outcome.
    Lead(Leader),
    /// Another task handles the packet: wait.
    Follow(Follower),
}

/// The task that handles a packet.
#[derive(Debug)]
pub(crate) struct Leader {
    id: TransferId,
    packets: InFlight,
    outcome: watch::Sender<Option<Outcome>>,
}

/// Waits for the task that handles a packet.
#[derive(Debug)]
pub(crate) struct Follower(watch::Receiver<Option<Outcome>>);

impl InFlight {
    /// Joins the work on the packet with this id.
    pub(crate) fn join(&self, id: TransferId) -> Role {
        match self.lock().entry(id) {
            Entry::Vacant(vacant) => {
                let (sender, outcome) = watch::channel(None);
                vacant.insert(outcome);
                Role::Lead(Leader { id, packets: self.clone(), outcome: sender })
            }
            Entry::Occupied(outcome) => Role::Follow(Follower(outcome.get().clone())),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TransferId, watch::Receiver<Option<Outcome>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leader {
    /// Publishes the outcome to the waiting tasks.
    pub(crate) fn publish(self, outcome: Outcome) {
        self.outcome.send_replace(Some(outcome));
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        self.packets.lock().remove(&self.id);
    }
}

impl Follower {
    /// The outcome; unresolved if the other task was dropped.
    pub(crate) async fn outcome(mut self) -> Outcome {
        let published = self.0.wait_for(Option::is_some).await;
        published.ok().and_then(|outcome| outcome.clone()).unwrap_or(Outcome::Unresolved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: TransferId = TransferId::from_u128(7);

    #[tokio::test]
    async fn a_repetition_gets_the_outcome_of_the_first() {
        let packets = InFlight::default();
        let Role::Lead(leader) = packets.join(ID) else { panic!("no other task handles it") };
        let Role::Follow(follower) = packets.join(ID) else { panic!("the leader handles it") };
        leader.publish(Outcome::Paid);
        assert_eq!(follower.outcome().await, Outcome::Paid);
        assert!(matches!(packets.join(ID), Role::Lead(_)), "what has ended is no longer under way");
    }

    #[tokio::test]
    async fn when_the_first_gives_up_its_outcome_is_unresolved() {
        let packets = InFlight::default();
        let Role::Lead(leader) = packets.join(ID) else { panic!("no other task handles it") };
        let Role::Follow(follower) = packets.join(ID) else { panic!("the leader handles it") };
        drop(leader);
        assert_eq!(follower.outcome().await, Outcome::Unresolved);
    }
}
