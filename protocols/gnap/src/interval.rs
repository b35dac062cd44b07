//! Repeating intervals of spending limits: `R12/2019-08-24T14:15:22Z/P1M` (ISO 8601-1 section 5.6).
//!
//! It counts no spending. It finds the repetition that contains an instant.

use std::fmt;
use std::str::FromStr;

use clock::Timestamp;
use jiff::{Span, Unit, civil};
use serde::{Deserialize, Serialize};

/// Why a text is not a repeating interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidInterval {
    /// It does not have three parts separated by `/`.
    #[error("must have three parts separated by '/', such as R12/2024-01-01T00:00:00Z/P1M")]
    Parts,
    /// The first part is not `R`, `R-1` or `R` and a count.
    #[error("must begin with R and the number of repetitions, or R alone for ever")]
    Repetitions,
    /// A start or end is not a date or date and time.
    #[error("has a start or end that is not an ISO 8601 date and time")]
    Instant,
    /// A duration is not an ISO 8601 duration.
    #[error("has a duration that is not an ISO 8601 duration")]
    Duration,
    /// The interval has no positive length, so no instant could be inside.
    #[error("must have a positive duration")]
    Empty,
}

/// One repetition: from `start`, which is inside, to `end`, which is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first instant inside.
    pub start: Timestamp,
    /// The first instant after it.
    pub end: Timestamp,
}

impl Window {
    /// Whether `at` is inside.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A fixed number of milliseconds. The repetition is found by division.
    Fixed(i64),
    /// Years or months, whose length varies. The repetition is found by stepping. Each step adds to the previous
    /// boundary. So after a step from the 31st, all later boundaries keep the shorter month's last day, as in deployed
    /// resource servers.
    Calendar(Span),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Forward,
    Backward,
}

/// A checked repeating interval. Displayed and serialised as the text it was read from.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepeatingInterval {
    text: Box<str>,
    /// How often the base interval is repeated; `None` for ever.
    repetitions: Option<u64>,
    base: Window,
    step: Step,
    direction: Direction,
}

impl RepeatingInterval {
    /// The text that it was read from.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The repetition that contains `at`; `None` if `at` is before the first or after the last.
    pub fn window_at(&self, at: Timestamp) -> Option<Window> {
        if self.base.contains(at) {
            return Some(self.base);
        }
        let ahead = at >= self.base.end;
        if ahead != (self.direction == Direction::Forward) {
            return None;
        }
        match self.step {
            Step::Fixed(millis) => self.divide(at, millis),
            Step::Calendar(span) => self.walk(at, span),
        }
    }

    fn divide(&self, at: Timestamp, step: i64) -> Option<Window> {
        // Rounding down finds the window in both directions: before the base the count is negative.
        let count = at.as_millis().checked_sub(self.base.start.as_millis())?.div_euclid(step);
        if self.repetitions.is_some_and(|most| count.unsigned_abs() > most) {
            return None;
        }
        let start = self.base.start.as_millis().checked_add(count.checked_mul(step)?)?;
        Some(Window { start: Timestamp::from_millis(start), end: Timestamp::from_millis(start.checked_add(step)?) })
    }

    fn walk(&self, at: Timestamp, step: Span) -> Option<Window> {
        let mut window = self.base;
        let mut count = 0;
        while !window.contains(at) {
            count += 1;
            if self.repetitions.is_some_and(|most| count > most) {
                return None;
            }
            window = match self.direction {
                Direction::Forward => Window { start: window.end, end: add(window.end, step)? },
                Direction::Backward => Window { start: add(window.start, step.negate())?, end: window.start },
            };
        }
        Some(window)
    }
}

/// Calendar arithmetic in UTC; `None` outside the years of the calendar.
fn add(instant: Timestamp, span: Span) -> Option<Timestamp> {
    instant.to_civil()?.checked_add(span).ok().map(Timestamp::from_civil)
}

fn read_repetitions(text: &str) -> Result<Option<u64>, InvalidInterval> {
    match text.strip_prefix('R').ok_or(InvalidInterval::Repetitions)? {
        "" | "-1" => Ok(None),
        digits if digits.bytes().all(|b| b.is_ascii_digit()) => {
            digits.parse().map(Some).map_err(|_| InvalidInterval::Repetitions)
        }
        _ => Err(InvalidInterval::Repetitions),
    }
}

fn read_instant(text: &str) -> Result<Timestamp, InvalidInterval> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    let utc: civil::DateTime = text.parse().map_err(|_| InvalidInterval::Instant)?;
    Ok(Timestamp::from_civil(utc))
}

fn read_duration(text: &str) -> Result<Step, InvalidInterval> {
    let span: Span = text.parse().map_err(|_| InvalidInterval::Duration)?;
    if !span.is_positive() {
        return Err(if span.is_zero() { InvalidInterval::Empty } else { InvalidInterval::Duration });
    }
    if span.get_years() != 0 || span.get_months() != 0 {
        return Ok(Step::Calendar(span));
    }
    let relative = jiff::SpanRelativeTo::days_are_24_hours();
    let millis = span.total((Unit::Millisecond, relative)).map_err(|_| InvalidInterval::Duration)?;
    // A span of the calendar is below 2^53 milliseconds, so the number is exact.
    #[expect(clippy::cast_possible_truncation, reason = "whole milliseconds are wanted, rounded down")]
    let millis = millis as i64;
    if millis < 1 { Err(InvalidInterval::Empty) } else { Ok(Step::Fixed(millis)) }
}

impl Step {
    fn after(self, instant: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Fixed(millis) => instant.as_millis().checked_add(millis).map(Timestamp::from_millis),
            Self::Calendar(span) => add(instant, span),
        }
    }

    fn before(self, instant: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Fixed(millis) => instant.as_millis().checked_sub(millis).map(Timestamp::from_millis),
            Self::Calendar(span) => add(instant, span.negate()),
        }
    }
}

impl FromStr for RepeatingInterval {
    type Err = InvalidInterval;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('/');
        let (Some(count), Some(first), Some(second), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidInterval::Parts);
        };
        let repetitions = read_repetitions(count)?;
        let (base, step, direction) = if first.starts_with('P') {
            let (step, end) = (read_duration(first)?, read_instant(second)?);
            let start = step.before(end).ok_or(InvalidInterval::Instant)?;
            (Window { start, end }, step, Direction::Backward)
        } else if second.starts_with('P') {
            let (start, step) = (read_instant(first)?, read_duration(second)?);
            let end = step.after(start).ok_or(InvalidInterval::Instant)?;
            (Window { start, end }, step, Direction::Forward)
        } else {
            let (start, end) = (read_instant(first)?, read_instant(second)?);
            (Window { start, end }, Step::Fixed(end.as_millis() - start.as_millis()), Direction::Forward)
        };
        if base.start >= base.end {
            return Err(InvalidInterval::Empty);
        }
        Ok(Self { text: text.into(), repetitions, base, step, direction })
    }
}

impl TryFrom<String> for RepeatingInterval {
    type Error = InvalidInterval;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<RepeatingInterval> for String {
    fn from(interval: RepeatingInterval) -> Self {
        interval.text.into()
    }
}

impl PartialEq for RepeatingInterval {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for RepeatingInterval {}

impl fmt::Display for RepeatingInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
