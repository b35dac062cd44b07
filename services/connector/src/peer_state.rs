//! The connector's data about a peer. It is kept when the peer's record changes.
//! The record itself is in `directory`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use arc_swap::ArcSwapOption;
use clock::Timestamp;
use tokio::sync::Mutex;

use crate::packet_rate::Bucket;

/// Packet rate, packets under way, whether the peer recognises repetitions, and the last failure.
#[derive(Debug, Default)]
pub(crate) struct PeerState {
    pub(crate) packets: Bucket,
    /// Packets received from it.
    pub(crate) from_it: Arc<Crowd>,
    /// Packets waiting for its answer.
    pub(crate) to_it: Arc<Crowd>,
    repeats: AtomicU8,
    /// Locked while the peer is asked whether it recognises repetitions. Holds the time of the last question without an
    /// answer.
    pub(crate) asked_in_vain: Mutex<Option<Timestamp>>,
    last_failure: ArcSwapOption<PeerFailure>,
}

/// The last exchange with a peer that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerFailure {
    /// When it ended.
    pub at: Timestamp,
    /// Why there was no answer.
    pub reason: String,
    /// Whether the peer has answered since.
    pub answered_since: bool,
}

/// Whether a peer recognises a repeated packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Repeats {
    /// It has not answered anything yet. Packets are sent to it, but never twice.
    Unknown,
    /// Its last answer did not say so.
    Never,
    /// Its last answer said so.
    Always,
}

/// A number of packets under way.
#[derive(Debug, Default)]
pub(crate) struct Crowd(AtomicUsize);

/// One packet under way. It is counted until it is dropped.
#[derive(Debug)]
pub(crate) struct UnderWay(Arc<Crowd>);

impl Crowd {
    /// Counts one more packet, unless `limit` are under way.
    pub(crate) fn enter(self: &Arc<Self>, limit: usize) -> Option<UnderWay> {
        let one_more = |count: usize| (count < limit).then_some(count + 1);
        self.0.try_update(Ordering::AcqRel, Ordering::Acquire, one_more).ok()?;
        Some(UnderWay(self.clone()))
    }
}

impl PeerState {
    pub(crate) fn repeats(&self) -> Repeats {
        match self.repeats.load(Ordering::Acquire) {
            1 => Repeats::Never,
            2 => Repeats::Always,
            _ => Repeats::Unknown,
        }
    }

    /// Notes that the peer answered, and what it said.
    pub(crate) fn answered(&self, repeats: Repeats) {
        self.repeats.store(repeats as u8, Ordering::Release);
        let last = self.last_failure.load();
        if let Some(failure) = last.as_deref().filter(|failure| !failure.answered_since) {
            let answered = PeerFailure { answered_since: true, ..failure.clone() };
            self.last_failure.compare_and_swap(&last, Some(Arc::new(answered)));
        }
    }

    /// Notes that the peer did not answer.
    pub(crate) fn failed(&self, at: Timestamp, reason: String) {
        self.last_failure.store(Some(Arc::new(PeerFailure { at, reason, answered_since: false })));
    }

    pub(crate) fn last_failure(&self) -> Option<PeerFailure> {
        self.last_failure.load().as_deref().cloned()
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_counts_until_it_is_dropped() {
        let crowd = Arc::new(Crowd::default());
        let first = crowd.enter(1);
        assert!(first.is_some());
        assert!(crowd.enter(1).is_none());
        drop(first);
        assert!(crowd.enter(1).is_some());
    }

    #[test]
    fn what_a_peer_said_last_is_remembered() {
        let state = PeerState::default();
        assert_eq!(state.repeats(), Repeats::Unknown);
        for said in [Repeats::Always, Repeats::Never] {
            state.answered(said);
            assert_eq!(state.repeats(), said);
        }
    }

    #[test]
    fn a_failure_is_shown_until_the_next_and_says_whether_the_peer_answered_since() {
        let state = PeerState::default();
        assert_eq!(state.last_failure(), None);
        let at = Timestamp::from_millis(1);
        state.failed(at, "status 500".to_owned());
        let failure = |answered_since| Some(PeerFailure { at, reason: "status 500".to_owned(), answered_since });
        assert_eq!(state.last_failure(), failure(false));
        state.answered(Repeats::Never);
        assert_eq!(state.last_failure(), failure(true));
    }
}
