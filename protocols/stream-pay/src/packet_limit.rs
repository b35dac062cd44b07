//! What replies show about the largest packet that a path takes (F08 of RFC 27 and its data).
//! The rate is in `rate_bounds`, the number of packets under way in `window`.

use ilp_packet::AmountTooLarge;
use money::Ratio;

/// The greatest amount that is sent if no maximum is found. A path that takes it is treated as a path without a
/// maximum.
pub(crate) const PROBE_MAX: u64 = 1_000_000_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Maximum {
    Unknown,
    /// Reported by a node on the path.
    Precise(u64),
    /// Concluded from a refusal that has no such data.
    Imprecise(u64),
}

/// The maximum as far as it is known, and the greatest amount below it that the receiver has acknowledged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PacketLimit {
    maximum: Maximum,
    verified: u64,
    told: Option<TooLargeReply>,
}

/// The data of a node's refusal, and the first amount that it refused with this data.
#[derive(Clone, Copy, Debug)]
struct TooLargeReply {
    detail: AmountTooLarge,
    first_sent: u64,
}

/// The path takes no packet at all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NothingPasses;

impl PacketLimit {
    pub(crate) fn unknown() -> Self {
        Self { maximum: Maximum::Unknown, verified: 0, told: None }
    }

    pub(crate) fn precise(maximum: u64) -> Self {
        Self { maximum: Maximum::Precise(maximum), verified: 0, told: None }
    }

    /// The receiver has acknowledged a packet of this amount.
    pub(crate) fn acknowledged(&mut self, amount: u64) {
        let bounded = self.maximum().map_or(amount, |maximum| amount.min(maximum));
        self.verified = self.verified.max(bounded);
        self.settle();
    }

    /// A node refused `sent` as too large. Returns whether the limit has changed.
    pub(crate) fn refused(&mut self, sent: u64, detail: Option<AmountTooLarge>) -> Result<bool, NothingPasses> {
        let maximum = match detail {
            None => Maximum::Imprecise(sent.saturating_sub(1)),
            Some(detail @ AmountTooLarge { received, maximum }) if received > maximum => {
                // maximum / received < 1, so the product is below `sent`.
                let share = Ratio::new(maximum.into(), received.into()).map_err(|_| NothingPasses)?;
                // The node's unit may be coarse. Then the product rounds down to zero although one unit of the source
                // passes.
                let least = u64::from(sent > 1 && maximum > 0);
                let by_share = share.checked_mul_floor(sent).unwrap_or(sent).max(least);
                Maximum::Precise(self.below_coarse_unit(sent, detail, by_share))
            }
            Some(_) => return Ok(false),
        };

        let (Maximum::Precise(amount) | Maximum::Imprecise(amount)) = maximum else { return Ok(false) };
        if amount == 0 {
            return Err(NothingPasses);
        }
        if self.maximum().is_some_and(|known| known <= amount) {
            return Ok(false);
        }

        self.maximum = maximum;
        self.verified = self.verified.min(amount);
        self.settle();
        Ok(true)
    }

    /// The maximum according to the share that a node reported. It is less if the same node reported the same for a
    /// greater amount before.
    ///
    /// In that case a coarse unit before that node hides the difference, and all amounts between the two are too large.
    /// Each step down is as large as the part of that unit that is known so far. So the search leaves that unit after a
    /// few steps and finds the unit below.
    fn below_coarse_unit(&mut self, sent: u64, detail: AmountTooLarge, by_share: u64) -> u64 {
        let told = self.told.filter(|told| told.detail == detail && sent <= told.first_sent);
        let first_sent = told.map_or(sent, |told| told.first_sent);
        self.told = Some(TooLargeReply { detail, first_sent });
        // An acknowledged amount is not too large, unless the share shows that it is.
        let at_least = self.verified.max(1).min(by_share);
        sent.saturating_sub(first_sent - sent).clamp(at_least, by_share)
    }

    fn settle(&mut self) {
        if let Maximum::Imprecise(maximum) = self.maximum
            && self.verified == maximum
        {
            self.maximum = Maximum::Precise(maximum);
        }
    }

    fn maximum(&self) -> Option<u64> {
        match self.maximum {
            Maximum::Unknown => None,
            Maximum::Precise(maximum) | Maximum::Imprecise(maximum) => Some(maximum),
        }
    }

    /// The amount to send next: the maximum. If the maximum was only concluded, the middle between it and the largest
    /// acknowledged amount.
    pub(crate) fn next(&self) -> Option<u64> {
        match self.maximum {
            Maximum::Unknown => None,
            Maximum::Precise(maximum) => Some(maximum),
            Maximum::Imprecise(maximum) => Some(self.verified + (maximum - self.verified).div_ceil(2)),
        }
    }

    /// The greatest amount the receiver has acknowledged.
    pub(crate) fn verified(&self) -> u64 {
        self.verified
    }

    /// Whether a node reported the maximum.
    pub(crate) fn is_precise(&self) -> bool {
        matches!(self.maximum, Maximum::Precise(_))
    }

    pub(crate) fn is_unknown(&self) -> bool {
        self.maximum == Maximum::Unknown
    }

    /// Whether a packet of the maximum has arrived, or a packet of the greatest amount that probes try.
    pub(crate) fn is_verified(&self) -> bool {
        match self.maximum {
            Maximum::Precise(maximum) => self.verified == maximum,
            Maximum::Imprecise(_) => false,
            Maximum::Unknown => self.verified >= PROBE_MAX,
        }
    }

    /// Uses the acknowledged amount as the maximum. This is for paths that lack liquidity and have no real maximum.
    pub(crate) fn settle_for_verified(&mut self) {
        self.maximum = Maximum::Precise(self.verified);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reported_maximum_is_converted_to_source_units_rounding_down() {
        let mut limit = PacketLimit::unknown();
        let detail = AmountTooLarge { received: 900_000_000_000, maximum: 5000 };
        assert!(limit.refused(PROBE_MAX, Some(detail)).unwrap());
        assert_eq!(limit.next(), Some(5555));
        assert!(!limit.is_verified());
        limit.acknowledged(5555);
        assert!(limit.is_verified());
    }

    /// 10^6 source units are worth 1000 at the node with the maximum. The maximum is a little less than 5 such units.
    #[test]
    fn a_reported_maximum_behind_a_coarse_unit_is_found_in_a_few_steps_and_not_missed_by_a_unit() {
        let (mut limit, mut refusals) = (PacketLimit::unknown(), 0);
        let mut sent = 5_999_999;
        while sent / 1_000_000 * 1000 > 4999 {
            let detail = AmountTooLarge { received: sent / 1_000_000 * 1000, maximum: 4999 };
            assert!(limit.refused(sent, Some(detail)).unwrap());
            (sent, refusals) = (limit.next().unwrap(), refusals + 1);
        }
        assert_eq!(sent / 1_000_000, 4, "{sent}");
        assert!(refusals < 15, "{refusals}");
    }

    #[test]
    fn packets_refused_together_lower_the_maximum_once() {
        let mut limit = PacketLimit::unknown();
        let detail = AmountTooLarge { received: 1000, maximum: 900 };
        assert!(limit.refused(1000, Some(detail)).unwrap());
        assert!(!limit.refused(1000, Some(detail)).unwrap());
        assert_eq!(limit.next(), Some(900));
    }

    #[test]
    fn a_maximum_that_was_not_reported_is_approached_by_halving() {
        let mut limit = PacketLimit::precise(1000);
        for (sent, next) in [(1000, 500), (500, 250)] {
            limit.refused(sent, None).unwrap();
            assert_eq!(limit.next(), Some(next));
        }
        limit.acknowledged(250);
        assert_eq!(limit.next(), Some(250 + 125));
    }

    #[test]
    fn impossible_data_is_ignored_and_a_maximum_of_zero_ends_the_search() {
        let mut limit = PacketLimit::precise(10);
        assert!(!limit.refused(5, Some(AmountTooLarge { received: 5, maximum: 7 })).unwrap());
        assert_eq!(limit.next(), Some(10));
        assert!(limit.refused(1, None).is_err());
        assert!(limit.refused(9, Some(AmountTooLarge { received: 9, maximum: 0 })).is_err());
    }

    #[test]
    fn a_share_that_rounds_to_zero_still_lets_the_smallest_packet_be_tried() {
        let mut limit = PacketLimit::unknown();
        assert!(limit.refused(36, Some(AmountTooLarge { received: 45, maximum: 1 })).unwrap());
        assert_eq!(limit.next(), Some(1));
        assert!(limit.refused(1, Some(AmountTooLarge { received: 2, maximum: 1 })).is_err());
    }
}
