//! Repeating intervals of grant limits: finds the period that contains an instant.
//!
//! It is not a general ISO 8601 calendar. The forms are `R[n]/start/end`, `R[n]/start/duration` and
//! `R[n]/duration/end`.

use clock::Timestamp;
use jiff::civil::DateTime;
use jiff::{SignedDuration, Span};

/// The most periods that are tried. Calendar periods are found by stepping from one to the next, and no real payment is
/// so many periods after a start.
const MOST_STEPS: u32 = 50_000;

/// A period: from `start` until just before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Period {
    /// The first instant in it.
    pub start: Timestamp,
    /// The first instant after it.
    pub end: Timestamp,
}

impl Period {
    /// Whether it contains `at`.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }
}

/// Why a text is not a usable repeating interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidInterval {
    /// It does not have exactly three parts.
    #[error("a repeating interval has three parts: R[n]/start/end, R[n]/start/duration or R[n]/duration/end")]
    NotThreeParts,
    /// The repetition is not `R`, `R-1` or `Rn`.
    #[error("a repetition is R, R-1 or R followed by a number")]
    Repetition,
    /// The last two parts are not two instants, or an instant and a duration.
    #[error("an interval is two instants, or an instant and a duration, in ISO 8601")]
    Bounds,
    /// A period has no length.
    #[error("an interval is longer than zero and its end is after its start")]
    NotPositive,
}

/// A parsed repeating interval.
#[derive(Clone, Debug)]
pub struct RepeatingInterval {
    repetitions: Option<u64>,
    anchor: DateTime,
    step: Step,
    direction: Direction,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Forwards,
    Backwards,
}

#[derive(Clone, Debug)]
enum Step {
    /// A fixed length: weeks, days and time, in milliseconds.
    Fixed(i64),
    /// Months or years, whose length depends on the calendar.
    Calendar(Span),
}

/// The period of `interval` that contains `at`; `None` if there is none or the interval is unusable.
///
/// Only a text that does not have three parts is an error.
pub fn period_containing(interval: &str, at: Timestamp) -> Result<Option<Period>, InvalidInterval> {
    match RepeatingInterval::parse(interval) {
        Ok(read) => Ok(read.period_containing(at)),
        Err(InvalidInterval::NotThreeParts) => Err(InvalidInterval::NotThreeParts),
        Err(_) => Ok(None),
    }
}

impl RepeatingInterval {
    /// Reads `R[n]/a/b`. Instants without offset are UTC.
    pub fn parse(text: &str) -> Result<Self, InvalidInterval> {
        let mut parts = text.split('/');
        let (Some(repetition), Some(a), Some(b), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidInterval::NotThreeParts);
        };
        let repetitions = parse_repetition(repetition)?;
        let (anchor, step, direction) = match (parse_instant(a), parse_instant(b)) {
            (Some(start), Some(end)) => (start, Step::elapsed(start, end)?, Direction::Forwards),
            (Some(start), None) => (start, Step::parse(b)?, Direction::Forwards),
            (None, Some(end)) => (end, Step::parse(a)?, Direction::Backwards),
            (None, None) => return Err(InvalidInterval::Bounds),
        };
        Ok(Self { repetitions, anchor, step, direction })
    }

    /// The period that contains `at`.
    pub fn period_containing(&self, at: Timestamp) -> Option<Period> {
        match &self.step {
            Step::Fixed(length) => self.fixed_period(*length, at),
            Step::Calendar(span) => self.calendar_period(*span, at),
        }
    }

    fn fixed_period(&self, length: i64, at: Timestamp) -> Option<Period> {
        let anchor = Timestamp::from_civil(self.anchor).as_millis();
        // Counted away from the anchor, the first period is number 0.
        let (number, start) = match self.direction {
            Direction::Forwards => {
                let number = at.as_millis().checked_sub(anchor)?.div_euclid(length);
                (number, anchor.checked_add(number.checked_mul(length)?)?)
            }
            Direction::Backwards => {
                let before_end = anchor.checked_sub(at.as_millis())?.checked_sub(1)?;
                let number = before_end.div_euclid(length);
                (number, anchor.checked_sub(number.checked_add(1)?.checked_mul(length)?)?)
            }
        };
        let number = u64::try_from(number).ok()?;
        let allowed = self.repetitions.is_none_or(|most| number <= most);
        let end = start.checked_add(length)?;
        allowed.then_some(Period { start: Timestamp::from_millis(start), end: Timestamp::from_millis(end) })
    }

    /// Steps from boundary to boundary, so that month ends drift exactly as they do elsewhere.
    fn calendar_period(&self, span: Span, at: Timestamp) -> Option<Period> {
        let most =
            self.repetitions.map_or(MOST_STEPS, |most| u32::try_from(most).unwrap_or(MOST_STEPS).min(MOST_STEPS));
        let mut boundary = self.anchor;

        for _ in 0..=most {
            let (period, next) = match self.direction {
                Direction::Forwards => {
                    let end = boundary.checked_add(span).ok()?;
                    (Period { start: Timestamp::from_civil(boundary), end: Timestamp::from_civil(end) }, end)
                }
                Direction::Backwards => {
                    let start = boundary.checked_sub(span).ok()?;
                    (Period { start: Timestamp::from_civil(start), end: Timestamp::from_civil(boundary) }, start)
                }
            };
            if period.contains(at) {
                return Some(period);
            }

            let passed = match self.direction {
                Direction::Forwards => at < period.start,
                Direction::Backwards => at >= period.end,
            };
            if passed || next == boundary {
                return None;
            }
            boundary = next;
        }

        None
    }
}

impl Step {
    fn parse(text: &str) -> Result<Self, InvalidInterval> {
        if !text.starts_with('P') {
            return Err(InvalidInterval::Bounds);
        }
        let span: Span = text.parse().map_err(|_| InvalidInterval::Bounds)?;
        if !span.is_positive() {
            return Err(InvalidInterval::NotPositive);
        }
        if span.get_years() != 0 || span.get_months() != 0 {
            return Ok(Self::Calendar(span));
        }
        let days = i64::from(span.get_weeks()) * 7 + i64::from(span.get_days());
        let time = span.weeks(0).days(0);
        let time = SignedDuration::try_from(time).map_err(|_| InvalidInterval::Bounds)?;
        let length = i64::try_from(time.as_millis())
            .ok()
            .and_then(|millis| millis.checked_add(days.checked_mul(86_400_000)?))
            .ok_or(InvalidInterval::Bounds)?;
        Self::fixed(length)
    }

    fn elapsed(start: DateTime, end: DateTime) -> Result<Self, InvalidInterval> {
        Self::fixed(Timestamp::from_civil(end).as_millis() - Timestamp::from_civil(start).as_millis())
    }

    fn fixed(length: i64) -> Result<Self, InvalidInterval> {
        if length > 0 { Ok(Self::Fixed(length)) } else { Err(InvalidInterval::NotPositive) }
    }
}

fn parse_repetition(text: &str) -> Result<Option<u64>, InvalidInterval> {
    match text.strip_prefix('R').ok_or(InvalidInterval::Repetition)? {
        "" | "-1" => Ok(None),
        number => number.parse().map(Some).map_err(|_| InvalidInterval::Repetition),
    }
}

fn parse_instant(text: &str) -> Option<DateTime> {
    if text.starts_with('P') {
        return None;
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return instant.to_civil();
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    #[test]
    fn every_published_vector_holds() {
        let file: Value = serde_json::from_str(include_str!("../tests/vectors/grant-intervals.json")).unwrap();
        let vectors = file["vectors"].as_array().unwrap();
        assert_eq!(vectors.len(), 31);
        for vector in vectors {
            let text = |key: &str| vector[key].as_str().unwrap();
            let at: Timestamp = text("at").parse().unwrap();
            let found = period_containing(text("interval"), at);
            match text("result") {
                "interval" => {
                    let period = Period { start: text("start").parse().unwrap(), end: text("end").parse().unwrap() };
                    assert_eq!(found, Ok(Some(period)), "{vector}");
                }
                "none" => assert_eq!(found, Ok(None), "{vector}"),
                "error" => assert_eq!(found, Err(InvalidInterval::NotThreeParts), "{vector}"),
                "does-not-terminate-in-reasonable-time" if text("interval").ends_with("PT0S") => {
                    let refused = RepeatingInterval::parse(text("interval")).unwrap_err();
                    assert_eq!(refused, InvalidInterval::NotPositive);
                }
                "does-not-terminate-in-reasonable-time" => {
                    let end = at + std::time::Duration::from_secs(1);
                    assert_eq!(found, Ok(Some(Period { start: at, end })), "{vector}");
                }
                other => panic!("unknown result {other}"),
            }
        }
    }

    #[test]
    fn months_from_the_31st_begin_on_the_31st_the_29th_and_the_29th() {
        let interval = "R2/2024-01-31T00:00:00Z/P1M";
        let found = |at: &str| period_containing(interval, at.parse().unwrap()).unwrap();
        let begins = ["2024-01-31T00:00:00Z", "2024-02-29T00:00:00Z", "2024-03-29T00:00:00Z", "2024-04-29T00:00:00Z"];
        for bounds in begins.windows(2) {
            let [start, end] = [0, 1].map(|index| bounds[index].parse().unwrap());
            assert_eq!(found(bounds[0]), Some(Period { start, end }));
        }
        for outside in ["2024-01-30T23:59:59.999Z", "2024-04-29T00:00:00Z"] {
            assert_eq!(found(outside), None, "{outside}");
        }
    }

    #[test]
    fn negative_durations_and_lonely_letters_are_refused() {
        for text in
            ["R/2024-01-01T00:00:00Z/-P1D", "R/2024-01-01T00:00:00Z/P", "R/P1D/P1D", "R/2024-01-01T00:00:00Z/1 day"]
        {
            assert!(RepeatingInterval::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_hostile_interval_is_answered_at_once() {
        let at: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let far = RepeatingInterval::parse("R/-009998-01-01T00:00:00Z/P1M").unwrap();
        assert_eq!(far.period_containing(at), None);
        let count = period_containing("R18446744073709551615/2024-01-01T00:00:00Z/P1D", at).unwrap();
        assert!(count.is_some());
    }

    proptest! {
        #[test]
        fn the_period_found_contains_the_instant(start in 0i64..2_000_000_000, at in 0i64..2_000_000_000, step in 0usize..7) {
            let step = ["P1M", "P1Y", "P1W", "P3D", "PT7H", "P1M3DT1H", "P2M"][step];
            let from = Timestamp::from_millis(start * 1000);
            let at = Timestamp::from_millis(at * 1000);
            match period_containing(&format!("R/{from}/{step}"), at).unwrap() {
                Some(period) => prop_assert!(period.contains(at)),
                None => prop_assert!(at < from),
            }
        }

        #[test]
        fn no_text_makes_it_fail_otherwise_than_politely(text in "[RPTZYMWDHS0-9/:.+-]{0,40}") {
            let _ = period_containing(&text, Timestamp::EPOCH);
        }
    }
}
