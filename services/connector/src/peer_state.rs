//! The connector's data about a peer. It is kept when the peer's record changes.
//! The record itself is in `directory`.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use clock::Timestamp;
use tokio::sync::Mutex;

use crate::breaker::{Breaker, BreakerChange};
use crate::bucket::Bucket;

/// Packet rate, amounts, packets under way, whether the peer answers and recognises repetitions, and the last failure.
#[derive(Debug, Default)]
pub(crate) struct PeerState {
    pub(crate) packets: Bucket,
    /// Amounts received from it.
    pub(crate) incoming_amounts: Bucket,
    /// Amounts sent to it.
    pub(crate) outgoing_amounts: Bucket,
    /// Packets received from it that are under way.
    pub(crate) packets_under_way: Arc<UnderWayCount>,
    /// Packets waiting for its answer.
    pub(crate) packets_waiting: Arc<UnderWayCount>,
    repeats: AtomicU8,
    /// Locked while the peer is asked whether it recognises repetitions. Holds the time of the last question without an
    /// answer.
    pub(crate) last_unanswered_question: Mutex<Option<Timestamp>>,
    pub(crate) breaker: Breaker,
    /// Until this time the ledger is expected to refuse packets to the peer for lack of liquidity, in milliseconds
    /// since the epoch.
    illiquid_until: AtomicI64,
    /// The last answer, in milliseconds since the epoch; 0 before the first.
    last_answer: AtomicI64,
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
pub(crate) struct UnderWayCount(AtomicUsize);

/// One packet under way. It is counted until it is dropped.
#[derive(Debug)]
pub(crate) struct UnderWay(Arc<UnderWayCount>);

impl UnderWayCount {
    /// Counts one more packet, unless `limit` are under way.
    pub(crate) fn enter(self: &Arc<Self>, limit: usize) -> Option<UnderWay> {
        let one_more = |count: usize| (count < limit).then_some(count + 1);
        self.0.try_update(Ordering::AcqRel, Ordering::Acquire, one_more).ok()?;
        Some(UnderWay(self.clone()))
    }

    /// Whether fewer than `limit` packets are under way.
    fn has_room(&self, limit: usize) -> bool {
        self.0.load(Ordering::Relaxed) < limit
    }
}

/// After the ledger has refused a packet for lack of liquidity, other peers are preferred for this time.
const ILLIQUID_FOR: Duration = Duration::from_secs(1);

impl PeerState {
    pub(crate) fn repeats(&self) -> Repeats {
        match self.repeats.load(Ordering::Acquire) {
            1 => Repeats::Never,
            2 => Repeats::Always,
            _ => Repeats::Unknown,
        }
    }

    /// Notes that the peer does not recognise repetitions.
    pub(crate) fn never_repeats(&self) {
        self.repeats.store(Repeats::Never as u8, Ordering::Release);
    }

    /// Notes that the peer answered, and what it said.
    pub(crate) fn answered(&self, repeats: Repeats, now: Timestamp) -> BreakerChange {
        self.repeats.store(repeats as u8, Ordering::Release);
        self.note_answer(now)
    }

    /// Notes that the peer answered.
    pub(crate) fn note_answer(&self, now: Timestamp) -> BreakerChange {
        self.last_answer.store(now.as_millis(), Ordering::Relaxed);
        let last = self.last_failure.load();
        if let Some(failure) = last.as_deref().filter(|failure| !failure.answered_since) {
            let answered = PeerFailure { answered_since: true, ..failure.clone() };
            self.last_failure.compare_and_swap(&last, Some(Arc::new(answered)));
        }
        self.breaker.answered(now)
    }

    /// Notes that the peer did not answer.
    pub(crate) fn failed(&self, at: Timestamp, reason: String) {
        self.last_failure.store(Some(Arc::new(PeerFailure { at, reason, answered_since: false })));
    }

    /// Whether it seems able to take a packet `now`. This only decides between several peers.
    pub(crate) fn can_take(&self, now: Timestamp, waiting_max: usize) -> bool {
        self.breaker.would_let_through(now)
            && now.as_millis() >= self.illiquid_until.load(Ordering::Relaxed)
            && self.packets_waiting.has_room(waiting_max)
    }

    /// Notes that the ledger refused a packet to it for lack of liquidity in its asset.
    pub(crate) fn is_short(&self, now: Timestamp) {
        self.illiquid_until.store((now + ILLIQUID_FOR).as_millis(), Ordering::Relaxed);
    }

    pub(crate) fn last_answer(&self) -> Option<Timestamp> {
        let at = self.last_answer.load(Ordering::Relaxed);
        (at != 0).then(|| Timestamp::from_millis(at))
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
        let count = Arc::new(UnderWayCount::default());
        let first = count.enter(1);
        assert!(first.is_some());
        assert!(count.enter(1).is_none());
        drop(first);
        assert!(count.enter(1).is_some());
    }

    #[test]
    fn the_last_answer_of_a_peer_about_repetitions_is_kept() {
        let state = PeerState::default();
        assert_eq!(state.repeats(), Repeats::Unknown);
        for said in [Repeats::Always, Repeats::Never] {
            state.answered(said, Timestamp::from_millis(1));
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
        assert_eq!(state.last_answer(), None);
        state.answered(Repeats::Never, Timestamp::from_millis(2));
        assert_eq!(state.last_failure(), failure(true));
        assert_eq!(state.last_answer(), Some(Timestamp::from_millis(2)));
    }
}
