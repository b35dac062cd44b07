//! An instant in UTC with millisecond precision, and the clocks that read it.
//!
//! It is not monotonic by itself: durations measured for reports use `Stopwatch`.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::sync::Weak;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use jiff::civil::{DateTime, date};
use jiff::fmt::temporal::Pieces;
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
///
/// Displayed and serialised as ISO 8601 in UTC with milliseconds, `2026-01-31T12:00:00.000Z`,
/// the form every interface of this project uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The text is not an RFC 3339 instant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an RFC 3339 date and time with an offset")]
pub struct ParseTimestampError(String);

impl Timestamp {
    /// The first instant, 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// The instant `millis` milliseconds after the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Time from `earlier` to `self`; zero if `earlier` is later.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// `self + duration`, stopping at the largest instant.
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis_of(duration)))
    }

    /// `self - duration`, stopping at the smallest instant.
    pub fn saturating_sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis_of(duration)))
    }

    /// Date and time in UTC, for calendar arithmetic; `None` outside the years −9999 to 9999.
    pub fn to_civil(self) -> Option<DateTime> {
        EPOCH.checked_add(SignedDuration::from_millis(self.0)).ok()
    }

    /// The instant of a date and time in UTC, rounded down to milliseconds.
    pub fn from_civil(utc: DateTime) -> Self {
        let nanos = utc.duration_since(EPOCH).as_nanos();
        // The whole calendar is less than 2^63 milliseconds long.
        Self(i64::try_from(nanos.div_euclid(1_000_000)).unwrap_or(i64::MAX))
    }

    /// From an instant of the calendar library, truncated to milliseconds.
    pub fn from_jiff(instant: jiff::Timestamp) -> Self {
        Self(instant.as_millisecond())
    }
}

/// 1970-01-01T00:00:00.
///
/// The library's own instants end a day before the year 9999 does, its dates do not.
const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);

/// 400 years, after which the calendar repeats itself.
const ERA_MS: i64 = 146_097 * 86_400_000;

pub(crate) fn millis_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        self.saturating_add(duration)
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, duration: Duration) -> Self {
        self.saturating_sub(duration)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(utc) = self.to_civil().filter(|utc| utc.year() >= 0) {
            return write!(f, "{utc:.3}Z");
        }
        // Years of more digits, as ECMAScript writes them (ECMA-262 section 21.4.1.32).
        let eras = self.0.div_euclid(ERA_MS);
        let within = Self(self.0.rem_euclid(ERA_MS)).to_civil().unwrap_or_default();
        let year = eras * 400 + i64::from(within.year());
        write!(f, "{year:+07}-{}Z", within.strftime("%m-%dT%H:%M:%S%.3f"))
    }
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = Pieces::parse(text).ok().and_then(|pieces| {
            let local = Self::from_civil(pieces.date().to_datetime(pieces.time()?));
            let ahead = i64::from(pieces.to_numeric_offset()?.seconds()) * 1000;
            Some(Self(local.0 - ahead))
        });
        parsed.ok_or_else(|| ParseTimestampError(text.chars().take(64).collect()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The time. It is passed to all code that needs it, and no other code reads a system clock.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present instant.
    fn now(&self) -> Timestamp;

    /// The present instant by the clocks of others: for signatures, for packets, and for what the ledger holds for them.
    /// It differs from [`now`](Self::now) only in a playground whose clock was moved.
    fn wall(&self) -> Timestamp {
        self.now()
    }

    /// Tells `listener` when the time jumps. Clocks that only run never do.
    fn tell_of_jumps(&self, _listener: Weak<dyn OnJump>) {}
}

/// Waits for a time, and has to look again when the clock jumps.
pub trait OnJump: Send + Sync {
    /// The clock has jumped.
    fn jumped(&self);
}

/// A clock that a test or simulation sets.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Makes a clock that shows `start`.
    pub fn at(start: Timestamp) -> Self {
        Self(AtomicI64::new(start.as_millis()))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(millis_of(by), Ordering::SeqCst);
    }

    /// Sets the clock.
    pub fn set(&self, to: Timestamp) {
        self.0.store(to.as_millis(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_shown_with_milliseconds_in_utc() {
        assert_eq!(Timestamp::from_millis(1_767_225_600_000).to_string(), "2026-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::from_millis(1_767_225_600_007).to_string(), "2026-01-01T00:00:00.007Z");
    }

    #[test]
    fn an_offset_is_understood_and_a_date_alone_is_refused() {
        let parsed: Timestamp = "2026-01-01T01:00:00+01:00".parse().unwrap();
        assert_eq!(parsed, Timestamp::from_millis(1_767_225_600_000));
        assert!("2026-01-01".parse::<Timestamp>().is_err());
    }

    #[test]
    fn every_date_of_the_years_0_to_9999_is_one_to_its_last_millisecond() {
        for (text, millis) in [
            ("0000-01-01T00:00:00.000Z", -62_167_219_200_000),
            ("0999-12-31T23:59:59.999Z", -30_610_224_000_001),
            ("1969-12-31T23:59:59.999Z", -1),
            ("9999-12-30T22:00:00.999Z", 253_402_207_200_999),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ] {
            assert_eq!(text.parse(), Ok(Timestamp::from_millis(millis)), "{text}");
            assert_eq!(Timestamp::from_millis(millis).to_string(), text);
        }
        // An offset may lead out of these years; such instants are shown as ECMAScript shows them.
        let beyond: Timestamp = "9999-12-31T23:59:59.999-01:00".parse().unwrap();
        assert_eq!(beyond.to_string(), "+010000-01-01T00:59:59.999Z");
        let before: Timestamp = "0000-01-01T00:00:00.000+01:00".parse().unwrap();
        assert_eq!(before.to_string(), "-000001-12-31T23:00:00.000Z");
    }

    #[test]
    fn what_is_no_date_and_time_with_an_offset_is_refused() {
        for text in ["", "2026-01-01T00:00:00", "2026-02-29T00:00:00Z", "2026-01-01T24:00:00Z", "10000-01-01T00:00:00Z"]
        {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = ManualClock::at(Timestamp::EPOCH);
        assert_eq!(clock.now(), Timestamp::EPOCH);
        clock.advance(Duration::from_secs(3));
        assert_eq!(clock.now().as_secs(), 3);
    }
}
