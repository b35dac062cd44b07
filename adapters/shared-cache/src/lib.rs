//! Volatile values shared by the processes of one role: running totals, decisions, locks, replay windows.
//!
//! Not a database: everything here has a lifetime and may be lost. Nothing here decides about money.

mod database_cache;
mod in_process;
mod limiter;
mod redis_cache;
mod wakers;

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;

pub use database_cache::{DatabaseCache, DatabaseLimits, MIGRATIONS};
pub use in_process::{InProcessCache, InProcessLimits};
pub use limiter::{Limiter, Lockout, Rate, TooMany};
pub use redis_cache::{RedisCache, RedisSettings, RedisTls};
use wakers::Waiter;

/// How often a waiting caller looks again by itself, in case a notification was lost.
const RECHECK: Duration = Duration::from_millis(500);

/// The cache of this process, or the one it shares with others.
///
/// Keys are used as they are given; their names are the callers' business.
#[derive(Clone, Debug)]
pub enum SharedCache {
    /// Seen by this process only, and lost with it.
    InProcess(InProcessCache),
    /// Seen by every process on the same database.
    Database(DatabaseCache),
    /// Seen by every process using the same Redis server.
    Redis(RedisCache),
}

/// Why the cache could not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The server did not answer in time or refused.
    #[error("the shared cache did not answer ({reason}); check REDIS_URL and the server")]
    Unavailable {
        /// What went wrong, for the log.
        reason: String,
    },
    /// The database that holds the values did not do as asked.
    #[error("the shared values in the database cannot be used: {0}")]
    Database(#[source] database::Error),
    /// The cache holds as much as it may, or the value is too large for it; nothing was stored.
    #[error("the shared cache is full; let entries expire, or set REDIS_URL")]
    Full,
    /// The counter's value is not an integer, or would leave the range of 64 bits with sign.
    #[error("the counter {key} is no integer or would overflow")]
    NotCountable {
        /// The counter.
        key: String,
    },
}

impl SharedCache {
    /// The value under `key`, unless there is none or its time is over.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, CacheError> {
        match self {
            Self::InProcess(cache) => Ok(cache.get(key)),
            Self::Database(cache) => cache.get(key).await,
            Self::Redis(cache) => cache.get(key).await,
        }
    }

    /// Puts `value` under `key` for `life`, whatever was there before.
    pub async fn set(&self, key: &str, value: Bytes, life: Duration) -> Result<(), CacheError> {
        match self {
            Self::InProcess(cache) => cache.set(key, value, life),
            Self::Database(cache) => cache.set(key, value, life).await,
            Self::Redis(cache) => cache.set(key, value, life).await,
        }
    }

    /// Puts `value` under `key` for `life` if nothing is there; `false` if something is.
    ///
    /// A lock is a value only its owner knows: it is given back with [`SharedCache::remove_if`].
    pub async fn set_if_absent(&self, key: &str, value: Bytes, life: Duration) -> Result<bool, CacheError> {
        match self {
            Self::InProcess(cache) => cache.set_if_absent(key, value, life),
            Self::Database(cache) => cache.set_if_absent(key, value, life).await,
            Self::Redis(cache) => cache.set_if_absent(key, value, life).await,
        }
    }

    /// Puts `value` in the place of exactly `expected`, for `life` from now, and wakes the callers that wait for it.
    /// Returns whether it was there.
    pub async fn replace_if(
        &self,
        key: &str,
        expected: &[u8],
        value: Bytes,
        life: Duration,
    ) -> Result<bool, CacheError> {
        match self {
            Self::InProcess(cache) => cache.replace_if(key, expected, value, life),
            Self::Database(cache) => cache.replace_if(key, expected, value, life).await,
            Self::Redis(cache) => cache.replace_if(key, expected, value, life).await,
        }
    }

    /// Removes `key` if its value is exactly `value`, and wakes the callers that wait for it. Returns whether it was.
    pub async fn remove_if(&self, key: &str, value: &[u8]) -> Result<bool, CacheError> {
        match self {
            Self::InProcess(cache) => Ok(cache.remove_if(key, value)),
            Self::Database(cache) => cache.remove_if(key, value).await,
            Self::Redis(cache) => cache.remove_if(key, value).await,
        }
    }

    /// Adds `delta` to the counter `key`, starting at 0, and lets it live for `life` from now. The new value.
    pub async fn add(&self, key: &str, delta: i64, life: Duration) -> Result<i64, CacheError> {
        match self {
            Self::InProcess(cache) => cache.add(key, delta, life),
            Self::Database(cache) => cache.add(key, delta, life).await,
            Self::Redis(cache) => cache.add(key, delta, life).await,
        }
    }

    /// [`SharedCache::set`], and wakes the callers that wait for `key` in all processes.
    pub async fn publish(&self, key: &str, value: Bytes, life: Duration) -> Result<(), CacheError> {
        match self {
            Self::InProcess(cache) => cache.publish(key, value, life),
            Self::Database(cache) => cache.publish(key, value, life).await,
            Self::Redis(cache) => cache.publish(key, value, life).await,
        }
    }

    /// The value under `key` as soon as there is one; `None` if there is none for as long as `at_most`.
    pub async fn wait_for(&self, key: &str, at_most: Duration) -> Result<Option<Bytes>, CacheError> {
        let there = self.wait_until(key, at_most, Option::is_some).await?;
        Ok(there.flatten())
    }

    /// What is under `key` as soon as it is as `wanted`; `None` if it is not for as long as `at_most`.
    pub async fn wait_until(
        &self,
        key: &str,
        at_most: Duration,
        wanted: impl Fn(&Option<Bytes>) -> bool,
    ) -> Result<Option<Option<Bytes>>, CacheError> {
        let mut waiter = self.waiter(key);
        let found = async {
            loop {
                // Listening starts before looking, so a value published in between is not missed.
                let woken = waiter.woken();
                let found = self.get(key).await?;
                if wanted(&found) {
                    return Ok(found);
                }
                let _ = tokio::time::timeout(RECHECK, woken).await;
            }
        };
        tokio::time::timeout(at_most, found).await.map_or(Ok(None), |found| found.map(Some))
    }

    fn waiter(&self, key: &str) -> Waiting {
        match self {
            Self::InProcess(cache) => Waiting::Key(cache.wakers().register(key)),
            Self::Redis(cache) => Waiting::Key(cache.wakers().register(key)),
            Self::Database(cache) => Waiting::Table(cache.subscribe()),
        }
    }
}

/// The callers that wait for one key, or for any change of the table.
enum Waiting {
    Key(Waiter),
    Table(database::Subscription),
}

impl Waiting {
    /// Resolves at the next wake-up after this call; for the table also at one since the last.
    fn woken(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        match self {
            Self::Key(waiter) => Box::pin(waiter.woken()),
            Self::Table(subscription) => Box::pin(subscription.notified()),
        }
    }
}
