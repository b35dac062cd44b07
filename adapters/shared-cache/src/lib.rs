//! Volatile values shared by the processes of one role: running totals, decisions, locks, replay windows.
//!
//! Not a database: everything here has a life time and may be lost; nothing here decides who owns money.

mod in_process;
mod limiter;
mod redis_cache;
mod wakers;

use std::time::Duration;

use bytes::Bytes;

pub use in_process::{InProcessCache, InProcessLimits};
pub use limiter::{Limiter, Lockout, Rate, TooMany};
pub use redis_cache::{RedisCache, RedisSettings, RedisTls};

/// How often a waiter looks again although nobody called it, in case a notification was lost.
const RECHECK: Duration = Duration::from_millis(500);

/// The cache of this process, or the one it shares with others.
///
/// Keys are used as they are given; the reference's names (data-model section 10.1) are the callers' business.
#[derive(Clone, Debug)]
pub enum SharedCache {
    /// Seen by this process only.
    InProcess(InProcessCache),
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
    /// The cache of this process holds as much as it may; nothing was stored.
    #[error("the in-process cache is full; let entries expire, or set REDIS_URL")]
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
            Self::Redis(cache) => cache.get(key).await,
        }
    }

    /// Puts `value` under `key` for `life`, whatever was there before.
    pub async fn set(&self, key: &str, value: Bytes, life: Duration) -> Result<(), CacheError> {
        match self {
            Self::InProcess(cache) => cache.set(key, value, life),
            Self::Redis(cache) => cache.set(key, value, life).await,
        }
    }

    /// Puts `value` under `key` for `life` if nothing is there; `false` if something is.
    ///
    /// A lock is a value only its owner knows: it is given back with [`SharedCache::remove_if`].
    pub async fn set_if_absent(&self, key: &str, value: Bytes, life: Duration) -> Result<bool, CacheError> {
        match self {
            Self::InProcess(cache) => cache.set_if_absent(key, value, life),
            Self::Redis(cache) => cache.set_if_absent(key, value, life).await,
        }
    }

    /// Removes `key` if its value is exactly `value`; whether it was.
    pub async fn remove_if(&self, key: &str, value: &[u8]) -> Result<bool, CacheError> {
        match self {
            Self::InProcess(cache) => Ok(cache.remove_if(key, value)),
            Self::Redis(cache) => cache.remove_if(key, value).await,
        }
    }

    /// Adds `delta` to the counter `key`, starting at 0, and lets it live for `life` from now. The new value.
    pub async fn add(&self, key: &str, delta: i64, life: Duration) -> Result<i64, CacheError> {
        match self {
            Self::InProcess(cache) => cache.add(key, delta, life),
            Self::Redis(cache) => cache.add(key, delta, life).await,
        }
    }

    /// [`SharedCache::set`], and wakes whoever waits for `key` in any process.
    pub async fn publish(&self, key: &str, value: Bytes, life: Duration) -> Result<(), CacheError> {
        match self {
            Self::InProcess(cache) => cache.publish(key, value, life),
            Self::Redis(cache) => cache.publish(key, value, life).await,
        }
    }

    /// The value under `key` as soon as there is one; `None` if there is none for as long as `at_most`.
    pub async fn wait_for(&self, key: &str, at_most: Duration) -> Result<Option<Bytes>, CacheError> {
        let waiter = match self {
            Self::InProcess(cache) => cache.wakers().register(key),
            Self::Redis(cache) => cache.wakers().register(key),
        };
        let value = async {
            loop {
                // Listening starts before looking, so a value published in between is not missed.
                let woken = waiter.woken();
                if let Some(value) = self.get(key).await? {
                    return Ok(value);
                }
                let _ = tokio::time::timeout(RECHECK, woken).await;
            }
        };
        tokio::time::timeout(at_most, value).await.map_or(Ok(None), |found| found.map(Some))
    }
}
