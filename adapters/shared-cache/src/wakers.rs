//! The callers in this process that wait for a key.
//!
//! It holds no values: a woken caller reads the value again.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// The waiters of this process, by key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wakers(Arc<Mutex<HashMap<String, Waiting>>>);

#[derive(Debug)]
struct Waiting {
    notify: Arc<Notify>,
    waiters: usize,
}

/// A place in the queue of one key. Dropping it leaves the queue.
#[derive(Debug)]
pub(crate) struct Waiter {
    key: String,
    notify: Arc<Notify>,
    wakers: Wakers,
}

impl Wakers {
    /// Starts waiting for `key`.
    pub(crate) fn register(&self, key: &str) -> Waiter {
        let mut waiting = self.lock();
        let entry =
            waiting.entry(key.to_owned()).or_insert_with(|| Waiting { notify: Arc::new(Notify::new()), waiters: 0 });
        entry.waiters += 1;
        Waiter { key: key.to_owned(), notify: entry.notify.clone(), wakers: self.clone() }
    }

    /// Wakes all callers that wait for `key`.
    pub(crate) fn wake(&self, key: &str) {
        if let Some(waiting) = self.lock().get(key) {
            waiting.notify.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter {
    /// Resolves at the next wake-up after this call.
    pub(crate) fn woken(&self) -> Notified<'_> {
        self.notify.notified()
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut waiting = self.wakers.lock();
        if let Entry::Occupied(mut entry) = waiting.entry(std::mem::take(&mut self.key)) {
            entry.get_mut().waiters -= 1;
            if entry.get().waiters == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_without_waiters_takes_no_memory() {
        let wakers = Wakers::default();
        let first = wakers.register("decision");
        let second = wakers.register("decision");
        drop(first);
        assert_eq!(wakers.lock().len(), 1);
        drop(second);
        assert_eq!(wakers.lock().len(), 0);
    }
}
