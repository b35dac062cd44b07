//! Days in UTC, by which lists, filters and limits count.
//!
//! How a day is written on a page is in `pages`.

use std::time::Duration;

use clock::Timestamp;

pub(crate) const DAY: Duration = Duration::from_hours(24);
/// The same in milliseconds, in which rows have their instants.
pub(crate) const DAY_MS: i64 = 86_400_000;

/// The number of the day of an instant.
pub(crate) fn number_of(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(DAY_MS)
}

/// The beginning of the day of an instant.
pub(crate) fn beginning_of(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(number_of(at).saturating_mul(DAY_MS))
}

/// The beginning of a day that is written like `2026-11-27`.
pub(crate) fn read(written: &str) -> Option<Timestamp> {
    format!("{written}T00:00:00Z").parse().ok().filter(|_| written.len() == 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_also_before_1970() {
        for (at, begins) in [
            ("2026-03-01T23:59:59.999Z", "2026-03-01T00:00:00.000Z"),
            ("2026-03-01T00:00:00.000Z", "2026-03-01T00:00:00.000Z"),
            ("1969-12-31T00:00:00.001Z", "1969-12-31T00:00:00.000Z"),
        ] {
            assert_eq!(beginning_of(at.parse().unwrap()).to_string(), begins);
        }
    }
}
