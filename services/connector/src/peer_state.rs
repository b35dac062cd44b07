//! What the connector keeps about a peer between packets; it survives changes of the peer's record.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::packet_rate::Bucket;

/// Packet rate and packets under way.
#[derive(Debug, Default)]
pub(crate) struct PeerState {
    pub(crate) packets: Bucket,
    under_way: AtomicUsize,
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
}
