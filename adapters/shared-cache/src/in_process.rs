//! The cache inside one process: a bounded map whose entries expire.
//!
//! If it is full, it refuses new entries instead of removing old ones: an early removal of a lock or a replay window
//! would be worse than a refusal.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use clock::{Clock, Timestamp};

use crate::CacheError;
use crate::wakers::Wakers;

/// The limits of the cache of a process.
#[derive(Clone, Copy, Debug)]
pub struct InProcessLimits {
    /// The most entries.
    pub entries: usize,
    /// The most octets of keys and values together.
    pub bytes: usize,
}

impl Default for InProcessLimits {
    fn default() -> Self {
        Self { entries: 1 << 20, bytes: 256 << 20 }
    }
}

/// Values that only this process sees. Clones share one content.
#[derive(Clone, Debug)]
pub struct InProcessCache {
    clock: Arc<dyn Clock>,
    limits: InProcessLimits,
    state: Arc<Mutex<State>>,
    wakers: Wakers,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<Arc<str>, Entry>,
    /// The same keys in the order of their expiry. The number separates keys with the same instant.
    by_expiry: BTreeMap<(Timestamp, u64), Arc<str>>,
    next_number: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    value: Bytes,
    place: (Timestamp, u64),
}

impl InProcessCache {
    /// Makes an empty cache that uses `clock`.
    pub fn new(clock: Arc<dyn Clock>, limits: InProcessLimits) -> Self {
        Self { clock, limits, state: Arc::default(), wakers: Wakers::default() }
    }

    pub(crate) fn wakers(&self) -> &Wakers {
        &self.wakers
    }

    pub(crate) fn get(&self, key: &str) -> Option<Bytes> {
        let (state, _) = self.present();
        state.entries.get(key).map(|entry| entry.value.clone())
    }

    pub(crate) fn set(&self, key: &str, value: Bytes, life: Duration) -> Result<(), CacheError> {
        let (mut state, now) = self.present();
        state.put(key, value, now + life, self.limits)
    }

    pub(crate) fn set_if_absent(&self, key: &str, value: Bytes, life: Duration) -> Result<bool, CacheError> {
        let (mut state, now) = self.present();
        if state.entries.contains_key(key) {
            return Ok(false);
        }
        state.put(key, value, now + life, self.limits).map(|()| true)
    }

    pub(crate) fn replace_if(
        &self,
        key: &str,
        expected: &[u8],
        value: Bytes,
        life: Duration,
    ) -> Result<bool, CacheError> {
        let (mut state, now) = self.present();
        let matches = state.entries.get(key).is_some_and(|entry| entry.value == expected);
        if matches {
            state.put(key, value, now + life, self.limits)?;
            self.wakers.wake(key);
        }
        Ok(matches)
    }

    pub(crate) fn remove_if(&self, key: &str, value: &[u8]) -> bool {
        let (mut state, _) = self.present();
        let matches = state.entries.get(key).is_some_and(|entry| entry.value == value);
        if matches {
            state.remove(key);
            self.wakers.wake(key);
        }
        matches
    }

    pub(crate) fn add(&self, key: &str, delta: i64, life: Duration) -> Result<i64, CacheError> {
        let (mut state, now) = self.present();
        let before = match state.entries.get(key) {
            Some(entry) => std::str::from_utf8(&entry.value).ok().and_then(|text| text.parse::<i64>().ok()),
            None => Some(0),
        };
        let total = before
            .and_then(|before| before.checked_add(delta))
            .ok_or_else(|| CacheError::NotCountable { key: key.to_owned() })?;
        state.put(key, Bytes::from(total.to_string()), now + life, self.limits)?;
        Ok(total)
    }

    pub(crate) fn publish(&self, key: &str, value: Bytes, life: Duration) -> Result<(), CacheError> {
        self.set(key, value, life)?;
        self.wakers.wake(key);
        Ok(())
    }

    /// The content without expired entries, and the present instant.
    fn present(&self) -> (MutexGuard<'_, State>, Timestamp) {
        let now = self.clock.now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.drop_expired(now);
        (state, now)
    }
}

impl State {
    fn put(&mut self, key: &str, value: Bytes, until: Timestamp, limits: InProcessLimits) -> Result<(), CacheError> {
        let replaced = self.entries.get(key).map_or(0, |entry| size(key, &entry.value));
        let entries = self.entries.len() + usize::from(!self.entries.contains_key(key));
        let bytes = self.bytes - replaced + size(key, &value);
        if entries > limits.entries || bytes > limits.bytes {
            return Err(CacheError::Full);
        }
        self.remove(key);
        let shared: Arc<str> = key.into();
        let place = (until, self.next_number);
        self.next_number += 1;
        self.by_expiry.insert(place, shared.clone());
        self.entries.insert(shared, Entry { value, place });
        self.bytes = bytes;
        Ok(())
    }

    fn remove(&mut self, key: &str) {
        if let Some(entry) = self.entries.remove(key) {
            self.by_expiry.remove(&entry.place);
            self.bytes -= size(key, &entry.value);
        }
    }

    fn drop_expired(&mut self, now: Timestamp) {
        while let Some(first) = self.by_expiry.first_entry() {
            if first.key().0 > now {
                return;
            }
            let key = first.remove();
            if let Some(entry) = self.entries.remove(&key) {
                self.bytes -= size(&key, &entry.value);
            }
        }
    }
}

fn size(key: &str, value: &Bytes) -> usize {
    key.len() + value.len()
}
