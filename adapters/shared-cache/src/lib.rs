//! Volatile values shared by the processes of one role: running totals, decisions, locks, replay windows.
//!
//! It is not a database: every value has a lifetime and may be lost. No decision about money depends on it.

mod database_cache;
mod in_process;
mod limiter;
mod redis_cache;
mod wakers;

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use database::{Met, WriteTransaction};

pub use database_cache::{DatabaseCache, DatabaseLimits, MIGRATIONS};
pub use in_process::{InProcessCache, InProcessLimits};
pub use limiter::{Limiter, Lockout, Rate, TooMany};
pub use redis_cache::{RedisCache, RedisSettings, RedisTls};
use wakers::Waiter;

/// How often a waiting caller reads again, in case a notification was lost.
const RECHECK: Duration = Duration::from_millis(500);

/// The cache of this process, or the cache that it shares with others.
///
/// Keys are used as they are given. The callers choose their names.
#[derive(Clone, Debug)]
pub enum SharedCache {
    /// Only this process sees the values. They are lost when it ends.
    InProcess(InProcessCache),
    /// Every process on the same database sees the values.
    Database(DatabaseCache),
    /// Every process that uses the same Redis server sees the values.
    Redis(RedisCache),
}

/// Why an operation of the cache failed.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The server did not answer in time, or it refused.
    #[error("the shared cache did not answer ({reason}); check REDIS_URL and the server")]
    Unavailable {
        /// What went wrong, for the log.
        reason: String,
    },
    /// The database that holds the values failed.
    #[error("the shared values in the database cannot be used: {0}")]
    Database(#[source] database::Error),
    /// The cache is full, or the value is too large for it. Nothing was stored.
    #[error("the shared cache is full; let entries expire, or set REDIS_URL")]
    Full,
    /// The counter's value is not an integer, or would leave the range of 64 bits with sign.
    #[error("the counter {key} is not an integer, or would overflow")]
    NotCountable {
        /// The counter.
        key: String,
    },
}

impl SharedCache {
    /// The value of `key`; `None` if there is none or it has expired.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, CacheError> {
        match self {
            Self::InProcess(cache) => Ok(cache.get(key)),
            Self::Database(cache) => cache.get(key).await,
            Self::Redis(cache) => cache.get(key).await,
        }
    }

    /// Sets `key` to `value` for `life`, and replaces an earlier value.
    pub async fn set(&self, key: &str, value: Bytes, life: Duration) -> Result<(), CacheError> {
        match self {
            Self::InProcess(cache) => cache.set(key, value, life),
            Self::Database(cache) => cache.set(key, value, life).await,
            Self::Redis(cache) => cache.set(key, value, life).await,
        }
    }

    /// Sets `key` to `value` for `life` if it has no value. Returns `false` if it has one.
    ///
    /// A lock is a value that only its owner knows. The owner releases it with [`SharedCache::remove_if`].
    pub async fn set_if_absent(&self, key: &str, value: Bytes, life: Duration) -> Result<bool, CacheError> {
        match self {
            Self::InProcess(cache) => cache.set_if_absent(key, value, life),
            Self::Database(cache) => cache.set_if_absent(key, value, life).await,
            Self::Redis(cache) => cache.set_if_absent(key, value, life).await,
        }
    }

    /// Uses up `key`, for `life` from now. Returns `false` if it was used before.
    ///
    /// `by` names the user. The same user may use it again, for example a request that a gateway sends to another process
    /// because the first one ended. Without a name every use is another one.
    pub async fn use_up(&self, key: &str, by: Option<&[u8]>, life: Duration) -> Result<bool, CacheError> {
        let user = by.map(Bytes::copy_from_slice).unwrap_or_default();
        if self.set_if_absent(key, user.clone(), life).await? {
            return Ok(true);
        }
        Ok(by.is_some() && self.get(key).await?.is_some_and(|known| known == user))
    }

    /// Replaces exactly `expected` by `value`, for `life` from now, and wakes the callers that wait for the key.
    /// Returns whether the value was `expected`.
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

    /// Removes `key` if its value is exactly `value`, and wakes the callers that wait for it. Returns whether it was
    /// removed.
    pub async fn remove_if(&self, key: &str, value: &[u8]) -> Result<bool, CacheError> {
        match self {
            Self::InProcess(cache) => Ok(cache.remove_if(key, value)),
            Self::Database(cache) => cache.remove_if(key, value).await,
            Self::Redis(cache) => cache.remove_if(key, value).await,
        }
    }

    /// Whether values can be written in transactions of their users: [`SharedCache::set_within`] and
    /// [`SharedCache::replace_within`].
    pub fn is_in_database(&self) -> bool {
        matches!(self, Self::Database(cache) if cache.has_room())
    }

    /// As [`SharedCache::set_if_absent`], as a part of `transaction`. If `key` has a value, the transaction fails with
    /// [`database::Error::Overtaken`], and nothing of it happens.
    ///
    /// Returns `None`, and does nothing, if the values are not in the database of `transaction`.
    pub fn set_within(&self, transaction: &WriteTransaction, key: &str, value: Bytes, life: Duration) -> Option<Met> {
        match self {
            Self::Database(cache) => cache.set_within(transaction, key, value, life),
            Self::InProcess(_) | Self::Redis(_) => None,
        }
    }

    /// As [`SharedCache::replace_if`], as a part of `transaction`. It tells after the commit whether the value was
    /// `expected`. If it was not, nothing is replaced, and the transaction is committed all the same.
    ///
    /// Returns `None`, and does nothing, if the values are not in the database of `transaction`.
    pub fn replace_within(
        &self,
        transaction: &WriteTransaction,
        key: &str,
        expected: &[u8],
        value: Bytes,
        life: Duration,
    ) -> Option<Met> {
        match self {
            Self::Database(cache) => cache.replace_within(transaction, key, expected, value, life),
            Self::InProcess(_) | Self::Redis(_) => None,
        }
    }

    /// Adds `delta` to the counter `key`, which starts at 0, and extends its life to `life` from now. Returns the new
    /// value.
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

    /// Waits until `key` has a value, and returns it; `None` if there is none within `at_most`.
    pub async fn wait_for(&self, key: &str, at_most: Duration) -> Result<Option<Bytes>, CacheError> {
        let there = self.wait_until(key, at_most, Option::is_some).await?;
        Ok(there.flatten())
    }

    /// Waits until the value of `key` is as `wanted`, and returns it; `None` if it is not within `at_most`.
    pub async fn wait_until(
        &self,
        key: &str,
        at_most: Duration,
        wanted: impl Fn(&Option<Bytes>) -> bool,
    ) -> Result<Option<Option<Bytes>>, CacheError> {
        let mut waiter = self.waiter(key);
        let found = async {
            loop {
                // Listening starts before the read, so a value that is published in between is not missed.
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
    /// Resolves at the next wake-up after this call. For the table, it also resolves at a wake-up since the last call.
    fn woken(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        match self {
            Self::Key(waiter) => Box::pin(waiter.woken()),
            Self::Table(subscription) => Box::pin(subscription.notified()),
        }
    }
}
