//! The generic cell rate algorithm: how much arrives on average, and how far this may be exceeded for a moment.
//!
//! One time is kept: the theoretical arrival of what comes next at an even rate. So no rate loses anything to rounding.
//! It does not know what is counted: packets and amounts are turned into time elsewhere.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use clock::Timestamp;

/// The state of one sender: the theoretical arrival of what comes next, in nanoseconds since the epoch.
#[derive(Debug, Default)]
pub(crate) struct Bucket(AtomicI64);

/// What is asked of a bucket, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Draw {
    /// The time that it takes at the even rate.
    pub(crate) cost: i64,
    /// The time that may be drawn at once, after a pause.
    pub(crate) tolerance: i64,
}

/// A draw that was admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Drawn {
    cost: i64,
    /// The theoretical arrival after it.
    until: i64,
}

impl Bucket {
    /// Counts a draw that arrives `now`; `None` if it is too much.
    pub(crate) fn admit(&self, draw: Draw, now: Timestamp) -> Option<Drawn> {
        let Draw { cost, tolerance } = draw;
        if cost > tolerance {
            return None;
        }
        let now = nanos(now);
        let latest = now.saturating_add(tolerance).saturating_sub(cost);
        let next = |arrival: i64| {
            // Only after the clock was set back, or the limit was lowered, is the stored arrival beyond the tolerance.
            // The sender must not be refused for that.
            let arrival = if arrival > now.saturating_add(tolerance) { latest } else { arrival.max(now) };
            (arrival <= latest).then(|| arrival.saturating_add(cost))
        };
        let before = self.0.try_update(Ordering::AcqRel, Ordering::Acquire, next).ok()?;
        next(before).map(|until| Drawn { cost, until })
    }

    /// Takes back a draw. What has passed of its time until `now` is not given a second time.
    pub(crate) fn give_back(&self, drawn: Drawn, now: Timestamp) {
        let left = drawn.cost.min(drawn.until.saturating_sub(nanos(now)));
        if left > 0 {
            self.0.fetch_sub(left, Ordering::AcqRel);
        }
    }
}

fn nanos(at: Timestamp) -> i64 {
    at.as_millis().saturating_mul(1_000_000)
}

/// A duration in the unit of buckets.
pub(crate) fn nanos_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: Draw = Draw { cost: 500_000_000, tolerance: 1_000_000_000 };

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + millis)
    }

    #[test]
    fn what_is_given_back_can_be_drawn_again() {
        let bucket = Bucket::default();
        let first = bucket.admit(HALF, at(0)).unwrap();
        bucket.admit(HALF, at(0)).unwrap();
        assert_eq!(bucket.admit(HALF, at(0)), None);
        bucket.give_back(first, at(0));
        assert!(bucket.admit(HALF, at(0)).is_some());
        assert_eq!(bucket.admit(HALF, at(0)), None);
    }

    #[test]
    fn what_is_given_back_late_does_not_count_twice() {
        let bucket = Bucket::default();
        let first = bucket.admit(HALF, at(0)).unwrap();
        bucket.admit(HALF, at(0)).unwrap();
        // The time of the first draw has passed: its half is there again without being given back.
        bucket.admit(HALF, at(500)).unwrap();
        bucket.give_back(first, at(500));
        assert_eq!(bucket.admit(HALF, at(500)), None);
    }
}
