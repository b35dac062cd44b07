//! Receivers resolved a moment ago, so that quoting, creating and sending one payment ask the other side once.
//!
//! Not a truth: the receiver itself refuses what it no longer takes, and then it is asked again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use clock::Timestamp;
use payments_model::Receiver;
use web_url::WebUrl;

/// How long a receiver is taken for what it was.
const BELIEVED_FOR: Duration = Duration::from_secs(10);
const KEPT_MOST: usize = 4096;

#[derive(Default)]
pub(crate) struct ReceiverMemory(Mutex<HashMap<String, (Receiver, Timestamp)>>);

impl ReceiverMemory {
    /// The receiver at `url` as it was resolved a moment ago.
    pub(crate) fn get(&self, url: &str, now: Timestamp) -> Option<Receiver> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (receiver, since) = known.get(&key(url))?;
        (now.saturating_since(*since) < BELIEVED_FOR).then(|| receiver.clone())
    }

    /// Keeps what was just resolved.
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

    /// The receiver has changed: it is resolved anew the next time.
    pub(crate) fn forget(&self, url: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key(url));
    }
}

/// All spellings of a receiver are one.
fn key(url: &str) -> String {
    url.parse::<WebUrl>().map_or_else(|_| url.to_owned(), String::from)
}
