//! What the connector keeps about a peer between packets; it survives changes of the peer's record.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use tokio::sync::Mutex;

use crate::packet_rate::Bucket;

/// Packet rate, packets under way, and whether the peer recognises repetitions.
#[derive(Debug, Default)]
pub(crate) struct PeerState {
    pub(crate) packets: Bucket,
    under_way: AtomicUsize,
    repeats: AtomicU8,
    /// Held while the peer is asked whether it recognises repetitions.
    pub(crate) asking: Mutex<()>,
}

/// Whether a peer recognises a repeated packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Repeats {
    /// It has not answered anything yet.
    Unknown,
    /// It did not say so in its last answer.
    Never,
    /// It said so in its last answer.
    Always,
}

/// A packet under way; counted until dropped.
#[derive(Debug)]
pub(crate) struct UnderWay(Arc<PeerState>);

impl PeerState {
    /// Counts one more packet, unless `limit` are under way.
    pub(crate) fn enter(self: &Arc<Self>, limit: usize) -> Option<UnderWay> {
        let one_more = |count: usize| (count < limit).then_some(count + 1);
        self.under_way.try_update(Ordering::AcqRel, Ordering::Acquire, one_more).ok()?;
        Some(UnderWay(self.clone()))
    }

    pub(crate) fn repeats(&self) -> Repeats {
        match self.repeats.load(Ordering::Acquire) {
            1 => Repeats::Never,
            2 => Repeats::Always,
            _ => Repeats::Unknown,
        }
    }

    pub(crate) fn set_repeats(&self, repeats: Repeats) {
        self.repeats.store(repeats as u8, Ordering::Release);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_counts_until_it_is_dropped() {
        let state = Arc::new(PeerState::default());
        let first = state.enter(1);
        assert!(first.is_some());
        assert!(state.enter(1).is_none());
        drop(first);
        assert!(state.enter(1).is_some());
    }

    #[test]
    fn what_a_peer_said_last_is_remembered() {
        let state = PeerState::default();
        assert_eq!(state.repeats(), Repeats::Unknown);
        for said in [Repeats::Always, Repeats::Never] {
            state.set_repeats(said);
            assert_eq!(state.repeats(), said);
        }
    }
}
