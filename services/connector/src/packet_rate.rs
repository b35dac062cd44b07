//! How many packets a peer may send.
//!
//! Own payments limit themselves and are not counted. What is counted is in `bucket`.

use std::time::Duration;

use payments_model::peer_terms::PeerTerms;

use crate::bucket::{Draw, nanos_of};

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
    /// The default. It is more than a peer sends in practice, so only a faulty peer reaches it.
    fn default() -> Self {
        Self { packets: 10_000, period: Duration::from_secs(1), burst: 20_000 }
    }
}

impl PacketRate {
    /// The rate of a peer with these terms, where `self` is the rate of the instance.
    ///
    /// A peer with a rate of its own and without a burst of its own may send two seconds' worth of packets at once.
    pub(crate) fn of_peer(self, terms: &PeerTerms) -> Self {
        match (terms.packets_per_second, terms.packet_burst) {
            (None, None) => self,
            (None, Some(burst)) => Self { burst, ..self },
            (Some(packets), burst) => {
                let burst = burst.unwrap_or(packets.saturating_mul(2));
                Self { packets, period: Duration::from_secs(1), burst }
            }
        }
    }

    /// The draw of one packet.
    pub(crate) fn packet(&self) -> Draw {
        let cost = (nanos_of(self.period) / i64::from(self.packets.max(1))).max(1);
        Draw { cost, tolerance: cost.saturating_mul(i64::from(self.burst.max(1))) }
    }
}

#[cfg(test)]
mod tests {
    use clock::Timestamp;

    use super::*;
    use crate::bucket::Bucket;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + millis)
    }

    fn admitted(bucket: &Bucket, rate: &PacketRate, now: Timestamp, tries: usize) -> usize {
        (0..tries).filter(|_| bucket.admit(rate.packet(), now).is_some()).count()
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
        assert_eq!((0..10_000).filter(|n| bucket.admit(rate.packet(), at(n * 6)).is_none()).count(), 0);
    }

    #[test]
    fn by_default_a_peer_at_thousands_of_packets_a_second_is_never_refused() {
        let bucket = Bucket::default();
        let refused = (0..60_000).filter(|n| bucket.admit(PacketRate::default().packet(), at(n / 8)).is_none()).count();
        assert_eq!(refused, 0);
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_block_the_peer() {
        let rate = PacketRate { packets: 1, period: Duration::from_secs(1), burst: 2 };
        let bucket = Bucket::default();
        assert_eq!(admitted(&bucket, &rate, at(500_000), 2), 2);
        assert!(bucket.admit(rate.packet(), at(0)).is_some());
        assert!(bucket.admit(rate.packet(), at(0)).is_none());
        assert!(bucket.admit(rate.packet(), at(1000)).is_some());
    }

    #[test]
    fn a_peer_without_terms_has_the_rate_of_the_instance_and_its_own_terms_come_first() {
        let instance = PacketRate { packets: 100, period: Duration::from_secs(1), burst: 300 };
        let of = |packets_per_second, packet_burst| {
            let rate = instance.of_peer(&PeerTerms { packets_per_second, packet_burst, ..PeerTerms::default() });
            (rate.packets, rate.burst)
        };
        assert_eq!(of(None, None), (100, 300));
        assert_eq!(of(None, Some(7)), (100, 7));
        assert_eq!(of(Some(10), None), (10, 20));
        assert_eq!(of(Some(10), Some(7)), (10, 7));
    }
}
