//! How many packets a peer may send, by the generic cell rate algorithm.
//!
//! One time is kept for each peer: when its next packet would arrive at an even rate. The calculation does not round,
//! so no rate is lowered. Own payments limit themselves and are not counted.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use clock::Timestamp;

/// An average rate, and how far it may be exceeded for a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketRate {
    /// Packets per period.
    pub packets: u32,
    /// The period.
    pub period: Duration,
    /// Packets accepted at the same time after a pause.
    pub burst: u32,
}

impl Default for PacketRate {
    /// More than one peer sends in practice, so only a faulty peer reaches it.
    fn default() -> Self {
        Self { packets: 10_000, period: Duration::from_secs(1), burst: 20_000 }
    }
}

/// The state of one sender: the theoretical arrival of its next packet, in nanoseconds since the epoch.
#[derive(Debug, Default)]
pub(crate) struct Bucket(AtomicI64);

impl Bucket {
    /// Counts a packet arriving `now`; `false` if it is too many.
    pub(crate) fn admit(&self, rate: &PacketRate, now: Timestamp) -> bool {
        let now = now.as_millis().saturating_mul(1_000_000);
        let period = i64::try_from(rate.period.as_nanos()).unwrap_or(i64::MAX);
        let interval = (period / i64::from(rate.packets.max(1))).max(1);
        let tolerance = interval.saturating_mul(i64::from(rate.burst.max(1)));
        self.0
            .try_update(Ordering::AcqRel, Ordering::Acquire, |arrival| {
                // Only after the clock was set back is the stored arrival beyond the tolerance. The peer must not be
                // refused for that.
                let latest = now.saturating_add(tolerance).saturating_sub(interval);
                let arrival = if arrival > now.saturating_add(tolerance) { latest } else { arrival.max(now) };
                (arrival <= latest).then(|| arrival.saturating_add(interval))
            })
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + millis)
    }

    fn admitted(bucket: &Bucket, rate: &PacketRate, now: Timestamp, tries: usize) -> usize {
        (0..tries).filter(|_| bucket.admit(rate, now)).count()
    }

    #[test]
    fn a_burst_passes_and_then_the_average_rate() {
        let rate = PacketRate { packets: 1000, period: Duration::from_secs(1), burst: 5 };
        let bucket = Bucket::default();
        assert_eq!(admitted(&bucket, &rate, at(0), 9), 5);
        assert_eq!(admitted(&bucket, &rate, at(2), 9), 2);
        assert_eq!(admitted(&bucket, &rate, at(1000), 9), 5);
    }

    #[test]
    fn a_rate_above_one_packet_per_millisecond_is_kept() {
        let rate = PacketRate { packets: 3000, period: Duration::from_secs(1), burst: 3 };
        let bucket = Bucket::default();
        let total: usize = (0..1000).map(|millis| admitted(&bucket, &rate, at(millis), 10)).sum();
        assert!((2998..=3003).contains(&total), "{total}");
    }

    #[test]
    fn a_steady_sender_just_below_the_rate_is_never_refused() {
        let rate = PacketRate { packets: 10_000, period: Duration::from_mins(1), burst: 1 };
        let bucket = Bucket::default();
        assert_eq!((0..10_000).filter(|n| !bucket.admit(&rate, at(n * 6))).count(), 0);
    }

    #[test]
    fn by_default_a_peer_at_thousands_of_packets_a_second_is_never_refused() {
        let bucket = Bucket::default();
        let refused = (0..60_000).filter(|n| !bucket.admit(&PacketRate::default(), at(n / 8))).count();
        assert_eq!(refused, 0);
    }

    #[test]
    fn a_clock_set_back_does_not_shut_the_peer_out() {
        let rate = PacketRate { packets: 1, period: Duration::from_secs(1), burst: 2 };
        let bucket = Bucket::default();
        assert_eq!(admitted(&bucket, &rate, at(500_000), 2), 2);
        assert!(bucket.admit(&rate, at(0)));
        assert!(!bucket.admit(&rate, at(0)));
        assert!(bucket.admit(&rate, at(1000)));
    }
}
