//! The generic cell rate algorithm: an average rate, and how far it may be exceeded for a moment.
//!
//! Its state is one time: when the next draw would arrive at an even rate. So no rate loses anything to rounding.
//! It counts time only. `packet_rate` and `throughput` convert packets and amounts to time.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use clock::Timestamp;

/// How far beyond the tolerance a stored arrival is if the clock was set back, in nanoseconds. Threads that read the
/// clock at almost the same time differ by less.
const SET_BACK: i64 = 1_000_000_000;

/// The state of one sender: when its next draw would arrive at an even rate, in nanoseconds since the epoch.
#[derive(Debug, Default)]
pub(crate) struct Bucket(AtomicI64);

/// An amount that is drawn from a bucket, and the limit, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Draw {
    /// The time that it takes at the even rate.
    pub(crate) cost: i64,
    /// The most that may be drawn at once, after a pause.
    pub(crate) tolerance: i64,
}

/// A draw that was admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Drawn {
    cost: i64,
    /// When it was drawn.
    at: i64,
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
            // Only after the clock was set back, or the limit was lowered, is the stored arrival far beyond the
            // tolerance. The sender must not be refused for that.
            let farthest = now.saturating_add(tolerance).saturating_add(SET_BACK);
            let arrival = if arrival > farthest { latest } else { arrival.max(now) };
            (arrival <= latest).then(|| arrival.saturating_add(cost))
        };
        self.0.try_update(Ordering::AcqRel, Ordering::Acquire, next).ok()?;
        Some(Drawn { cost, at: now })
    }

    /// Takes back a draw. The time that has passed since the draw is not given back a second time. Without the draw the
    /// bucket may have been full, and would have gained nothing in that time. So too much may stay counted, but never
    /// too little.
    ///
    /// If the clock was set back, the stored arrival was set anew without the draw, and nothing is given back.
    pub(crate) fn give_back(&self, drawn: Drawn, now: Timestamp) {
        let passed = nanos(now).saturating_sub(drawn.at);
        let left = drawn.cost.saturating_sub(passed.max(0));
        if left > 0 && passed > -SET_BACK {
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
    fn a_draw_that_is_given_back_can_be_drawn_again() {
        let bucket = Bucket::default();
        let first = bucket.admit(HALF, at(0)).unwrap();
        bucket.admit(HALF, at(0)).unwrap();
        assert_eq!(bucket.admit(HALF, at(0)), None);
        bucket.give_back(first, at(0));
        assert!(bucket.admit(HALF, at(0)).is_some());
        assert_eq!(bucket.admit(HALF, at(0)), None);
    }

    #[test]
    fn a_draw_that_is_given_back_late_is_not_counted_twice() {
        let bucket = Bucket::default();
        let first = bucket.admit(HALF, at(0)).unwrap();
        bucket.admit(HALF, at(0)).unwrap();
        // The time of the first draw has passed: its half is there again without being given back.
        bucket.admit(HALF, at(500)).unwrap();
        bucket.give_back(first, at(500));
        assert_eq!(bucket.admit(HALF, at(500)), None);
    }

    #[test]
    fn draws_given_back_in_any_order_leave_no_more_than_the_limit() {
        let bucket = Bucket::default();
        let a = bucket.admit(HALF, at(0)).unwrap();
        let b = bucket.admit(HALF, at(0)).unwrap();
        bucket.give_back(a, at(0));
        let c = bucket.admit(HALF, at(0)).unwrap();
        // D, and what passes after B and C are given back.
        let mut kept = usize::from(bucket.admit(HALF, at(500)).is_some());
        assert_eq!(kept, 1);
        bucket.give_back(b, at(500));
        bucket.give_back(c, at(500));
        kept += (0..2).filter(|_| bucket.admit(HALF, at(500)).is_some()).count();
        assert!(kept <= 2, "{kept} halves at once");
        assert!(bucket.admit(HALF, at(1000)).is_some());
    }

    #[test]
    fn a_clock_that_is_read_a_little_earlier_does_not_admit_too_much() {
        let bucket = Bucket::default();
        for _ in 0..2 {
            bucket.admit(HALF, at(1)).unwrap();
        }
        assert_eq!(bucket.admit(HALF, at(0)), None);
        assert_eq!(bucket.admit(HALF, at(-999)), None);
        assert!(bucket.admit(HALF, at(-1000)).is_some(), "the clock was set back");
        assert_eq!(bucket.admit(HALF, at(-1000)), None);
    }

    #[test]
    fn a_draw_from_before_the_clock_was_set_back_is_not_given_back() {
        let bucket = Bucket::default();
        let before = bucket.admit(HALF, at(500_000)).unwrap();
        bucket.admit(HALF, at(500_000)).unwrap();
        bucket.admit(HALF, at(0)).unwrap();
        bucket.give_back(before, at(0));
        assert_eq!(bucket.admit(HALF, at(0)), None);
    }
}
