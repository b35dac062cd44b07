//! Receivers that were resolved a moment ago. So quoting, creating and sending one payment ask the other institution
//! once.
//!
//! The data may be old. The receiver refuses what it no longer accepts, and is then resolved again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use clock::Timestamp;
use payments_model::Receiver;
use web_url::WebUrl;

/// How long a resolved receiver is used.
const BELIEVED_FOR: Duration = Duration::from_secs(10);
const KEPT_MOST: usize = 4096;

#[derive(Default)]
pub(crate) struct ReceiverMemory(Mutex<HashMap<String, (Receiver, Timestamp)>>);

impl ReceiverMemory {
    /// The receiver at `url`, if it was resolved a moment ago.
    pub(crate) fn get(&self, url: &str, now: Timestamp) -> Option<Receiver> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (receiver, since) = known.get(&key(url))?;
        (now.saturating_since(*since) < BELIEVED_FOR).then(|| receiver.clone())
    }

    /// Keeps a receiver that was just resolved.
    pub(crate) fn put(&self, url: &str, receiver: &Receiver, now: Timestamp) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KEPT_MOST {
            known.retain(|_, (_, since)| now.saturating_since(*since) < BELIEVED_FOR);
            if known.len() >= KEPT_MOST {
                known.clear();
            }
        }
        known.insert(key(url), (receiver.clone(), now));
    }

    /// Drops a receiver that has changed. The next use resolves it again.
    pub(crate) fn forget(&self, url: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key(url));
    }
}

/// All spellings of a URL are one key.
fn key(url: &str) -> String {
    url.parse::<WebUrl>().map_or_else(|_| url.to_owned(), String::from)
}
