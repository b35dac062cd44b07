//! What replies show about the rate of a path: a lower and an upper bound in destination units per source unit (the
//! prepare amount of RFC 29, section 5.2).
//! The size of packets is in `packet_limit`.

use money::Ratio;

/// `low` ≤ rate < `high`, as far as replies have shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateBounds {
    low: Ratio,
    high: Ratio,
}

impl RateBounds {
    /// Nothing is known: 0 ≤ rate < 2^64−1.
    pub fn unknown() -> Self {
        Self { low: Ratio::ZERO, high: Ratio::from(u64::MAX) }
    }

    /// Bounds that were found earlier.
    pub fn new(low: Ratio, high: Ratio) -> Self {
        Self { low, high }
    }

    /// The lower bound; the rate may equal it.
    pub fn low(&self) -> Ratio {
        self.low
    }

    /// The upper bound; the rate is below it.
    pub fn high(&self) -> Ratio {
        self.high
    }

    /// Learns from a packet of `source` that arrived as `destination`. The bounds only become narrower. If a reply
    /// contradicts them, the rate has changed, and the old bounds are dropped.
    pub(crate) fn observe(&mut self, source: u64, destination: u64) {
        let (source, destination) = (u128::from(source), u128::from(destination));
        let (Ok(low), Ok(high)) = (Ratio::new(destination, source), Ratio::new(destination + 1, source)) else {
            return;
        };
        if high <= self.low || low >= self.high {
            *self = Self { low, high };
            return;
        }
        self.low = self.low.max(low);
        self.high = self.high.min(high);
    }

    /// The least that can arrive of `source` units, rounded down.
    pub(crate) fn destination_at_least(&self, source: u64) -> u64 {
        self.low.checked_mul_floor(source).unwrap_or(u64::MAX)
    }

    /// The most that can arrive of `source` units.
    pub(crate) fn destination_at_most(&self, source: u64) -> u64 {
        self.high.checked_mul_ceil(source).unwrap_or(u64::MAX).saturating_sub(1)
    }

    /// How many source units certainly deliver `destination`; `None` while the lower bound is zero.
    pub(crate) fn source_enough_for(&self, destination: u64) -> Option<u64> {
        if self.low.is_zero() {
            return None;
        }
        Some(self.low.checked_div_ceil(destination).unwrap_or(u64::MAX))
    }

    /// With fewer source units than this, `destination` certainly does not arrive.
    pub(crate) fn source_at_least_for(&self, destination: u64) -> u64 {
        self.high.checked_div_ceil(destination).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_true_rate_of_a_flooring_path_stays_within_the_bounds(
            n in 1u64..1_000_000, d in 1u64..1_000_000, packets in prop::collection::vec(1u64..1_000_000_000_000, 1..20),
        ) {
            let rate = Ratio::new(n.into(), d.into()).unwrap();
            let mut bounds = RateBounds::unknown();
            for source in &packets {
                let Some(destination) = rate.checked_mul_floor(*source) else { continue };
                bounds.observe(*source, destination);
                prop_assert!(bounds.low() <= rate && rate < bounds.high());
            }
            for source in packets {
                let Some(destination) = rate.checked_mul_floor(source) else { continue };
                prop_assert!(bounds.destination_at_least(source) <= destination);
                prop_assert!(destination <= bounds.destination_at_most(source));
            }
        }
    }

    #[test]
    fn a_reply_that_contradicts_the_bounds_replaces_them() {
        let mut bounds = RateBounds::unknown();
        bounds.observe(1000, 900);
        bounds.observe(1000, 950);
        assert_eq!(bounds.low(), Ratio::new(950, 1000).unwrap());
        assert_eq!(bounds.high(), Ratio::new(951, 1000).unwrap());
        bounds.observe(100, 80);
        assert_eq!(bounds.low(), Ratio::new(80, 100).unwrap());
    }
}
