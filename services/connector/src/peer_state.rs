//! What the connector keeps about a peer between packets; it survives changes of the peer's record.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use arc_swap::ArcSwapOption;
use clock::Timestamp;
use tokio::sync::Mutex;

use crate::packet_rate::Bucket;

/// Packet rate, packets under way, whether the peer recognises repetitions, and how talking to it went.
#[derive(Debug, Default)]
pub(crate) struct PeerState {
    pub(crate) packets: Bucket,
    /// Packets received from it.
    pub(crate) from_it: Arc<Crowd>,
    /// Packets waiting for its answer.
    pub(crate) to_it: Arc<Crowd>,
    repeats: AtomicU8,
    /// Held while the peer is asked whether it recognises repetitions: when it was asked last in vain.
    pub(crate) asked_in_vain: Mutex<Option<Timestamp>>,
    last_failure: ArcSwapOption<PeerFailure>,
}

/// The last exchange with a peer that brought no answer.
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
    /// It has not answered anything yet. Packets go to it, but none twice.
    Unknown,
    /// It did not say so in its last answer.
    Never,
    /// It said so in its last answer.
    Always,
}

/// Packets counted together.
#[derive(Debug, Default)]
pub(crate) struct Crowd(AtomicUsize);

/// One of them; counted until dropped.
#[derive(Debug)]
pub(crate) struct UnderWay(Arc<Crowd>);

impl Crowd {
    /// Counts one more packet, unless `limit` are there.
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

    /// The peer answered, and said this.
    pub(crate) fn answered(&self, repeats: Repeats) {
        self.repeats.store(repeats as u8, Ordering::Release);
        let last = self.last_failure.load();
        if let Some(failure) = last.as_deref().filter(|failure| !failure.answered_since) {
            let answered = PeerFailure { answered_since: true, ..failure.clone() };
            self.last_failure.compare_and_swap(&last, Some(Arc::new(answered)));
        }
    }

    /// The peer did not answer.
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
