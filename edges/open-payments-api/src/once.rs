//! One payment per request, however often the request arrives.
//!
//! Signatures are deterministic and count seconds, so a repeated request, by a retrying client or by somebody who
//! overheard it, is recognised by its signature for as long as that is fresh. A request that failed may be tried again.

use std::time::Duration;

use bytes::Bytes;
use shared_cache::{CacheError, SharedCache};

/// How long a repeat waits for the answer to the first.
const PATIENCE: Duration = Duration::from_secs(10);

const TAKEN: Bytes = Bytes::from_static(b"taken");

/// Recognises repeats across all processes that share the cache.
#[derive(Clone, Debug)]
pub struct Once {
    cache: SharedCache,
    life: Duration,
}

/// What a request is.
#[derive(Debug)]
pub(crate) enum Turn {
    /// The first of its kind: it acts, then reports.
    First,
    /// A repeat of one that made this.
    Repeat(Bytes),
    /// A repeat of one that has not reported.
    UnderWay,
}

impl Once {
    /// Recognises repeats for `life`: the longest age of a signature plus the skew of clocks.
    pub fn new(cache: SharedCache, life: Duration) -> Self {
        Self { cache, life }
    }

    /// Whether the request `key` is the first; a repeat waits a little for the first one's report.
    pub(crate) async fn take(&self, key: &str) -> Result<Turn, CacheError> {
        if self.cache.set_if_absent(&claim(key), TAKEN, self.life).await? {
            return Ok(Turn::First);
        }
        let made = self.cache.wait_for(&result(key), PATIENCE).await?;
        Ok(made.map_or(Turn::UnderWay, Turn::Repeat))
    }

    /// Reports what the request made.
    pub(crate) async fn made(&self, key: &str, what: Bytes) -> Result<(), CacheError> {
        self.cache.publish(&result(key), what, self.life).await
    }

    /// Reports that the request made nothing, so that it may be tried again.
    pub(crate) async fn failed(&self, key: &str) -> Result<(), CacheError> {
        self.cache.remove_if(&claim(key), &TAKEN).await.map(drop)
    }
}

fn claim(key: &str) -> String {
    format!("open_payments_request:{key}")
}

fn result(key: &str) -> String {
    format!("open_payments_result:{key}")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use clock::{ManualClock, Timestamp};
    use shared_cache::{InProcessCache, InProcessLimits};

    use super::*;

    #[tokio::test]
    async fn a_repeat_gets_what_the_first_made_and_a_failure_may_be_repeated() {
        let clock = Arc::new(ManualClock::at(Timestamp::EPOCH));
        let cache = SharedCache::InProcess(InProcessCache::new(clock.clone(), InProcessLimits::default()));
        let once = Once::new(cache, Duration::from_mins(6));
        assert!(matches!(once.take("a").await.unwrap(), Turn::First));
        once.failed("a").await.unwrap();
        assert!(matches!(once.take("a").await.unwrap(), Turn::First));
        let (repeat, reported) = tokio::join!(once.take("a"), once.made("a", Bytes::from_static(b"7")));
        reported.unwrap();
        assert!(matches!(repeat.unwrap(), Turn::Repeat(made) if made == "7"));
        clock.advance(Duration::from_mins(7));
        assert!(matches!(once.take("a").await.unwrap(), Turn::First));
    }
}
