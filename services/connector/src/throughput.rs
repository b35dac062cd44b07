//! How much money a peer may send, and how much is sent to it, per period.
//!
//! An amount counts while its packet is under way. It stays counted if the money has moved or may have moved. The
//! amount of a refused packet is given back. Quotes move no money and are not counted.

use std::time::Duration;

use clock::Clock;
use payments_model::peer_terms::Throughput;

use crate::bucket::{Bucket, Draw, Drawn, nanos_of};

/// An amount that counts towards a throughput. Dropping it gives the amount back.
#[must_use = "an amount is given back when this is dropped"]
pub(crate) struct Counted<'a> {
    bucket: &'a Bucket,
    clock: &'a dyn Clock,
    drawn: Option<Drawn>,
}

impl<'a> Counted<'a> {
    /// Counts `amount`; `None` if it is too much now.
    pub(crate) fn count(bucket: &'a Bucket, clock: &'a dyn Clock, limit: Throughput, amount: u64) -> Option<Self> {
        let drawn = bucket.admit(draw(limit, amount), clock.now())?;
        Some(Self { bucket, clock, drawn: Some(drawn) })
    }

    /// Keeps the amount counted.
    pub(crate) fn keep(mut self) {
        self.drawn = None;
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if let Some(drawn) = self.drawn.take() {
            self.bucket.give_back(drawn, self.clock.now());
        }
    }
}

/// The time that `amount` takes, rounded up.
fn draw(limit: Throughput, amount: u64) -> Draw {
    let tolerance = nanos_of(Duration::from_secs(u64::from(limit.seconds)));
    let cost = (u128::from(amount) * u128::from(tolerance.unsigned_abs())).div_ceil(u128::from(limit.amount.max(1)));
    Draw { cost: i64::try_from(cost).unwrap_or(i64::MAX), tolerance }
}

#[cfg(test)]
mod tests {
    use clock::{ManualClock, Timestamp};

    use super::*;

    const LIMIT: Throughput = Throughput { amount: 1000, seconds: 60 };

    #[test]
    fn the_amount_of_a_period_passes_at_once_and_becomes_available_again_evenly() {
        let (bucket, clock) = (Bucket::default(), ManualClock::at(Timestamp::from_millis(1_000_000)));
        let moved = |amount| Counted::count(&bucket, &clock, LIMIT, amount).map(Counted::keep).is_some();
        assert!(moved(999) && moved(1) && !moved(1));
        clock.advance(Duration::from_secs(6));
        assert!(!moved(101) && moved(100));
        clock.advance(Duration::from_mins(10));
        assert!(!moved(1001), "an amount above that of a period never passes");
        assert!(moved(1000));
    }

    #[test]
    fn the_amount_of_a_refused_packet_is_given_back() {
        let (bucket, clock) = (Bucket::default(), ManualClock::at(Timestamp::from_millis(1_000_000)));
        let count = |amount| Counted::count(&bucket, &clock, LIMIT, amount);
        let under_way = count(1000);
        assert!(under_way.is_some() && count(1).is_none());
        drop(under_way);
        count(1000).unwrap().keep();
        assert!(count(1).is_none());
    }

    #[test]
    fn the_largest_amounts_are_counted_exactly() {
        let (bucket, clock) = (Bucket::default(), ManualClock::at(Timestamp::from_millis(1_000_000)));
        let limit = Throughput { amount: u64::MAX, seconds: 86_400 };
        Counted::count(&bucket, &clock, limit, u64::MAX / 2).unwrap().keep();
        assert!(Counted::count(&bucket, &clock, limit, u64::MAX / 2 + 1_000_000).is_none());
        assert!(Counted::count(&bucket, &clock, limit, u64::MAX / 2 - 1_000_000).is_some());
    }
}
