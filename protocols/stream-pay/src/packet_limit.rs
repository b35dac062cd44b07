//! What replies tell about the largest packet a path takes (F08 of RFC 27 and its data).

use ilp_packet::AmountTooLarge;
use money::Ratio;

/// The greatest amount sent when no maximum is found; a path that takes it is treated as without maximum.
pub(crate) const PROBE_MAX: u64 = 1_000_000_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Maximum {
    Unknown,
    /// Told by a node on the path.
    Precise(u64),
    /// Concluded from a refusal that did not tell.
    Imprecise(u64),
}

/// The maximum as far as known, and the greatest amount the receiver has acknowledged below it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PacketLimit {
    maximum: Maximum,
    verified: u64,
}

/// The path takes no packet at all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NothingPasses;

impl PacketLimit {
    pub(crate) fn unknown() -> Self {
        Self { maximum: Maximum::Unknown, verified: 0 }
    }

    pub(crate) fn precise(maximum: u64) -> Self {
        Self { maximum: Maximum::Precise(maximum), verified: 0 }
    }

    /// The receiver has seen a packet of this amount.
    pub(crate) fn acknowledged(&mut self, amount: u64) {
        let bounded = self.maximum().map_or(amount, |maximum| amount.min(maximum));
        self.verified = self.verified.max(bounded);
        self.settle();
    }

    /// A node refused `sent` as too large. Gives whether the limit has changed.
    pub(crate) fn refused(&mut self, sent: u64, detail: Option<AmountTooLarge>) -> Result<bool, NothingPasses> {
        let maximum = match detail {
            None => Maximum::Imprecise(sent.saturating_sub(1)),
            Some(AmountTooLarge { received, maximum }) if received > maximum => {
                // maximum / received < 1, so the product is below `sent`.
                let share = Ratio::new(maximum.into(), received.into()).map_err(|_| NothingPasses)?;
                Maximum::Precise(share.checked_mul_floor(sent).unwrap_or(sent))
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

    /// The amount to send next: the maximum, or halfway up to one that was only concluded.
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

    /// Whether a node told the maximum.
    pub(crate) fn is_precise(&self) -> bool {
        matches!(self.maximum, Maximum::Precise(_))
    }

    pub(crate) fn is_unknown(&self) -> bool {
        self.maximum == Maximum::Unknown
    }

    /// Whether a packet of the maximum, or of the greatest probe, has arrived.
    pub(crate) fn is_verified(&self) -> bool {
        match self.maximum {
            Maximum::Precise(maximum) => self.verified == maximum,
            Maximum::Imprecise(_) => false,
            Maximum::Unknown => self.verified >= PROBE_MAX,
        }
    }

    /// Takes what has been verified for the maximum, for paths that lack liquidity rather than have a maximum.
    pub(crate) fn settle_for_verified(&mut self) {
        self.maximum = Maximum::Precise(self.verified);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_told_maximum_is_converted_to_source_units_rounding_down() {
        let mut limit = PacketLimit::unknown();
        let detail = AmountTooLarge { received: 900_000_000_000, maximum: 5000 };
        assert!(limit.refused(PROBE_MAX, Some(detail)).unwrap());
        assert_eq!(limit.next(), Some(5555));
        assert!(!limit.is_verified());
        limit.acknowledged(5555);
        assert!(limit.is_verified());
    }

    #[test]
    fn a_maximum_that_was_not_told_is_approached_by_halving() {
        let mut limit = PacketLimit::precise(1000);
        for (sent, next) in [(1000, 500), (500, 250)] {
            limit.refused(sent, None).unwrap();
            assert_eq!(limit.next(), Some(next));
        }
        limit.acknowledged(250);
        assert_eq!(limit.next(), Some(250 + 125));
    }

    #[test]
    fn nonsense_is_ignored_and_zero_ends_it() {
        let mut limit = PacketLimit::precise(10);
        assert!(!limit.refused(5, Some(AmountTooLarge { received: 5, maximum: 7 })).unwrap());
        assert_eq!(limit.next(), Some(10));
        assert!(limit.refused(1, None).is_err());
        assert!(limit.refused(9, Some(AmountTooLarge { received: 9, maximum: 0 })).is_err());
    }
}
