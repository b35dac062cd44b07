//! Limits how often strangers may do something. All processes count together.
//!
//! It is a protection only. If the cache cannot count, frequent events are allowed, and attempts to guess a secret are
//! refused.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clock::{Clock, Timestamp};

use crate::{CacheError, SharedCache};

/// The allowed number of events of one kind for each subject in a window of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The name of the kind. It is part of the counter's key.
    pub name: &'static str,
    /// The allowed number; `None` means no limit.
    pub at_most: Option<u32>,
    /// The window of time. Windows begin at multiples of their length.
    pub within: Duration,
}

impl Rate {
    /// At most `at_most` in every minute; 0 means no limit, as in settings.
    pub fn per_minute(name: &'static str, at_most: u32) -> Self {
        Self { name, at_most: (at_most > 0).then_some(at_most), within: Duration::from_mins(1) }
    }
}

/// After some failures in a row a subject must wait. Each further failure makes the wait longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lockout {
    /// The name of the kind. It is part of the keys.
    pub name: &'static str,
    /// The number of failures without a wait.
    pub free: u32,
    /// The wait after the next failure. Each further failure doubles it.
    pub first_wait: Duration,
    /// The longest wait. Failures are forgotten after twice this time without a failure.
    pub longest_wait: Duration,
}

impl Lockout {
    /// For secrets: five failures are free. Then the waits are one second, two, four, up to a quarter of an hour.
    pub const fn of_secrets(name: &'static str) -> Self {
        Self { name, free: 5, first_wait: Duration::from_secs(1), longest_wait: Duration::from_mins(15) }
    }

    fn wait_after(&self, failures: u32) -> Option<Duration> {
        let costly = failures.checked_sub(self.free + 1)?;
        let factor = 1_u32.checked_shl(costly).unwrap_or(u32::MAX);
        Some(self.first_wait.saturating_mul(factor).min(self.longest_wait))
    }
}

/// The limit is reached. The subject may try again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests; try again in {} s", .retry_after.as_secs() + 1)]
pub struct TooMany {
    /// The time that must pass before.
    pub retry_after: Duration,
}

/// Counts events by subject. Clones count together.
#[derive(Clone, Debug)]
pub struct Limiter {
    cache: SharedCache,
    clock: Arc<dyn Clock>,
}

/// The wait of a subject if the cache does not answer.
const NOT_KNOWN: TooMany = TooMany { retry_after: Duration::from_secs(1) };

impl Limiter {
    /// Makes a limiter that counts in `cache`.
    ///
    /// Without a shared server, give it its own cache. Then strangers cannot fill the cache that prevents replays.
    pub fn new(cache: SharedCache, clock: Arc<dyn Clock>) -> Self {
        Self { cache, clock }
    }

    /// Counts one event of `subject`, and refuses it if the limit of the window is reached.
    pub async fn take(&self, rate: &Rate, subject: &str) -> Result<(), TooMany> {
        let Some(at_most) = rate.at_most else { return Ok(()) };
        let window = self.window(rate, subject);
        let counted = self.cache.add(&window.key, 1, rate.within * 2).await;
        match counted {
            Ok(count) if count > i64::from(at_most) => Err(window.refused),
            Ok(_) => Ok(()),
            Err(error) => {
                not_counted(rate.name, &error);
                Ok(())
            }
        }
    }

    /// Whether `subject` may have one more event, without counting it. For kinds that count only failures.
    pub async fn check(&self, rate: &Rate, subject: &str) -> Result<(), TooMany> {
        let Some(at_most) = rate.at_most else { return Ok(()) };
        let window = self.window(rate, subject);
        match self.cache.get(&window.key).await {
            Ok(count) if number(count.as_ref()) >= i64::from(at_most) => Err(window.refused),
            Ok(_) => Ok(()),
            Err(error) => {
                not_counted(rate.name, &error);
                Ok(())
            }
        }
    }

    /// Whether `subject` may try.
    pub async fn may_try(&self, lockout: &Lockout, subject: &str) -> Result<(), TooMany> {
        let until = match self.cache.get(&until_key(lockout, subject)).await {
            Ok(until) => Timestamp::from_millis(number(until.as_ref())),
            Err(error) => {
                not_counted(lockout.name, &error);
                return Err(NOT_KNOWN);
            }
        };
        let retry_after = until.saturating_since(self.clock.now());
        if retry_after.is_zero() { Ok(()) } else { Err(TooMany { retry_after }) }
    }

    /// Records a failure of `subject`, which must wait if it has failed too often.
    pub async fn failed(&self, lockout: &Lockout, subject: &str) {
        let memory = lockout.longest_wait * 2;
        let counted = self.cache.add(&failures_key(lockout, subject), 1, memory).await;
        let failures = counted.map(|count| u32::try_from(count).unwrap_or(u32::MAX));
        let noted = match failures.map(|failures| lockout.wait_after(failures)) {
            Ok(None) => return,
            Ok(Some(wait)) => {
                let until = (self.clock.now() + wait).as_millis().to_string();
                tracing::warn!(kind = lockout.name, subject, ?wait, "locked out after wrong secrets");
                self.cache.set(&until_key(lockout, subject), Bytes::from(until), wait).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = noted {
            not_counted(lockout.name, &error);
        }
    }

    /// Records a success of `subject`. Its earlier failures are forgotten.
    pub async fn succeeded(&self, lockout: &Lockout, subject: &str) {
        let key = failures_key(lockout, subject);
        let forgotten = match self.cache.get(&key).await {
            Ok(Some(failures)) => self.cache.remove_if(&key, &failures).await.map(drop),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = forgotten {
            not_counted(lockout.name, &error);
        }
    }

    fn window(&self, rate: &Rate, subject: &str) -> Window {
        let now = self.clock.now().as_millis().unsigned_abs();
        let length = u64::try_from(rate.within.as_millis()).unwrap_or(u64::MAX).max(1);
        let (index, gone) = (now / length, now % length);
        let key = format!("limit:{}:{subject}:{index}", rate.name);
        Window { key, refused: TooMany { retry_after: Duration::from_millis(length - gone) } }
    }
}

/// The present window of a subject.
struct Window {
    key: String,
    refused: TooMany,
}

fn failures_key(lockout: &Lockout, subject: &str) -> String {
    format!("lockout:{}:{subject}:failures", lockout.name)
}

fn until_key(lockout: &Lockout, subject: &str) -> String {
    format!("lockout:{}:{subject}:until", lockout.name)
}

fn number(value: Option<&Bytes>) -> i64 {
    value.and_then(|octets| std::str::from_utf8(octets).ok()?.parse().ok()).unwrap_or(0)
}

fn not_counted(kind: &'static str, error: &CacheError) {
    tracing::warn!(kind, error = error as &dyn std::error::Error, "strangers' requests are not counted");
}

#[cfg(test)]
mod tests {
    use clock::ManualClock;

    use super::*;
    use crate::{InProcessCache, InProcessLimits};

    const RATE: Rate = Rate { name: "test", at_most: Some(2), within: Duration::from_mins(1) };
    const LOCKOUT: Lockout = Lockout::of_secrets("test");

    fn limiter(entries: usize) -> (Limiter, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(60_000)));
        let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let limits = InProcessLimits { entries, ..InProcessLimits::default() };
        let cache = SharedCache::InProcess(InProcessCache::new(Arc::clone(&shared), limits));
        (Limiter::new(cache, shared), clock)
    }

    #[tokio::test]
    async fn a_subject_that_used_its_window_up_learns_when_the_next_begins() {
        let (limiter, clock) = limiter(100);
        clock.advance(Duration::from_secs(20));
        for _ in 0..2 {
            limiter.check(&RATE, "a").await.unwrap();
            limiter.take(&RATE, "a").await.unwrap();
        }
        let refused = Err(TooMany { retry_after: Duration::from_secs(40) });
        assert_eq!(limiter.check(&RATE, "a").await, refused);
        assert_eq!(limiter.take(&RATE, "a").await, refused);
        assert_eq!(limiter.take(&RATE, "b").await, Ok(()), "others are not concerned");
        clock.advance(Duration::from_secs(40));
        assert_eq!(limiter.take(&RATE, "a").await, Ok(()));
    }

    #[tokio::test]
    async fn without_a_limit_nothing_is_counted() {
        let (limiter, _) = limiter(0);
        let rate = Rate::per_minute("any", 0);
        for _ in 0..1000 {
            assert_eq!(limiter.take(&rate, "a").await, Ok(()));
        }
    }

    #[tokio::test]
    async fn each_failure_beyond_the_free_ones_costs_twice_the_wait_up_to_the_longest() {
        let (limiter, clock) = limiter(100);
        for _ in 0..5 {
            limiter.failed(&LOCKOUT, "a").await;
            assert_eq!(limiter.may_try(&LOCKOUT, "a").await, Ok(()));
        }
        for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
            limiter.failed(&LOCKOUT, "a").await;
            let retry_after = Duration::from_secs(wait);
            assert_eq!(limiter.may_try(&LOCKOUT, "a").await, Err(TooMany { retry_after }));
            clock.advance(retry_after);
            assert_eq!(limiter.may_try(&LOCKOUT, "a").await, Ok(()));
        }
        assert_eq!(limiter.may_try(&LOCKOUT, "b").await, Ok(()));
    }

    #[tokio::test]
    async fn success_forgets_failures() {
        let (limiter, _) = limiter(100);
        for _ in 0..5 {
            limiter.failed(&LOCKOUT, "a").await;
        }
        limiter.succeeded(&LOCKOUT, "a").await;
        limiter.failed(&LOCKOUT, "a").await;
        assert_eq!(limiter.may_try(&LOCKOUT, "a").await, Ok(()));
    }

    #[tokio::test]
    async fn a_full_cache_stops_no_ordinary_request() {
        let (limiter, _) = limiter(1);
        limiter.take(&RATE, "a").await.unwrap();
        for _ in 0..10 {
            assert_eq!(limiter.take(&RATE, "b").await, Ok(()));
        }
    }
}
