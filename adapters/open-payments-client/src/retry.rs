//! When a read is repeated: after connection errors and temporary conditions, twice at most, within a total time.
//!
//! Writes are never repeated.

use std::time::Duration;

use clock::Timestamp;
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};

/// The time limits of calls, and the number of repeated reads.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// Time for one attempt.
    pub attempt: Duration,
    /// The time for all attempts and the pauses between them. A longer pause requested by the other side does not
    /// extend it.
    pub total: Duration,
    /// The most repetitions of a read.
    pub repeats: u32,
    /// The pause before the first repetition. It doubles with each further one.
    pub first_pause: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempt: Duration::from_secs(5),
            total: Duration::from_secs(15),
            repeats: 2,
            first_pause: Duration::from_millis(300),
        }
    }
}

impl RetryPolicy {
    /// The pause after attempt number `made`; `None` if there is no further attempt.
    ///
    /// `asked` is the pause that the other side wants. `spent` is the time since the first attempt began.
    pub(crate) fn pause(&self, made: u32, asked: Option<Duration>, spent: Duration) -> Option<Duration> {
        if made > self.repeats {
            return None;
        }
        let pause = asked.unwrap_or(self.first_pause * 2_u32.saturating_pow(made.saturating_sub(1)));
        (spent.saturating_add(pause) < self.total).then_some(pause)
    }
}

/// Whether a repeated read may get another answer than `status`.
pub(crate) fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 413 | 429 | 500 | 502 | 503 | 504)
}

/// The pause the other side asks for with 413, 429 or 503: seconds or a date (RFC 9110 section 10.2.3).
pub(crate) fn asked_pause(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    if !matches!(status.as_u16(), 413 | 429 | 503) {
        return None;
    }
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(Timestamp::from_jiff(date.timestamp()).saturating_since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_end_after_two_repeats() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.pause(1, None, Duration::ZERO), Some(Duration::from_millis(300)));
        assert_eq!(policy.pause(2, None, Duration::ZERO), Some(Duration::from_millis(600)));
        assert_eq!(policy.pause(3, None, Duration::ZERO), None);
    }

    #[test]
    fn a_pause_beyond_the_total_time_ends_the_attempts_instead() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.pause(1, Some(Duration::from_secs(u64::MAX)), Duration::ZERO), None);
        assert_eq!(policy.pause(1, Some(Duration::from_secs(2)), Duration::from_secs(14)), None);
        assert_eq!(policy.pause(1, Some(Duration::from_secs(2)), Duration::ZERO), Some(Duration::from_secs(2)));
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let now: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
        let asked = |status, text: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            asked_pause(status, &headers, now)
        };
        assert_eq!(asked(StatusCode::SERVICE_UNAVAILABLE, "7"), Some(Duration::from_secs(7)));
        assert_eq!(asked(StatusCode::TOO_MANY_REQUESTS, "Sat, 31 Jan 2026 12:00:09 GMT"), Some(Duration::from_secs(9)));
        assert_eq!(asked(StatusCode::BAD_GATEWAY, "7"), None);
        assert_eq!(asked(StatusCode::SERVICE_UNAVAILABLE, "soon"), None);
    }
}
