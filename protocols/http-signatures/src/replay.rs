//! Single use of nonces while their signatures are fresh (RFC 9421 section 7.2.2).
//!
//! Signatures without a nonce are not refused when they come again: Ed25519 is deterministic and `created` counts seconds,
//! so two honest equal requests within a second carry the same signature. Operations guard themselves against those.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use clock::Timestamp;

/// The nonce was used before with this key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature's nonce was used before")]
pub struct NonceReplayed;

/// Remembers (client, key, nonce) for a time, in bounded memory: when full, the oldest are forgotten first.
#[derive(Debug)]
pub struct NonceWindow {
    window: Duration,
    capacity: usize,
    seen: BTreeSet<String>,
    order: VecDeque<(Timestamp, String)>,
}

impl NonceWindow {
    /// A window of this length (the maximum age plus the clock skew of signatures) for at most `capacity` nonces.
    pub fn new(window: Duration, capacity: usize) -> Self {
        Self { window, capacity: capacity.max(1), seen: BTreeSet::new(), order: VecDeque::new() }
    }

    /// Records the first use of `nonce` by the key `key_id` of `client`, and refuses every further one.
    pub fn admit(&mut self, client: &str, key_id: &str, nonce: &str, now: Timestamp) -> Result<(), NonceReplayed> {
        self.forget(now);
        let entry = format!("{}:{client}{}:{key_id}{nonce}", client.len(), key_id.len());
        if !self.seen.insert(entry.clone()) {
            return Err(NonceReplayed);
        }
        self.order.push_back((now + self.window, entry));
        if self.order.len() > self.capacity {
            self.forget_oldest();
        }
        Ok(())
    }

    fn forget(&mut self, now: Timestamp) {
        while self.order.front().is_some_and(|(until, _)| *until < now) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, entry)) = self.order.pop_front() {
            self.seen.remove(&entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_counts_once_per_key_until_the_window_has_passed() {
        let mut window = NonceWindow::new(Duration::from_secs(10), 100);
        let at = |s: i64| Timestamp::from_millis(s * 1000);
        assert_eq!(window.admit("c", "k", "n", at(0)), Ok(()));
        assert_eq!(window.admit("c", "k", "n", at(10)), Err(NonceReplayed));
        assert_eq!(window.admit("c", "other", "n", at(10)), Ok(()));
        assert_eq!(window.admit("d", "k", "n", at(10)), Ok(()));
        assert_eq!(window.admit("c", "k", "n", at(11)), Ok(()));
    }

    #[test]
    fn memory_stays_bounded() {
        let mut window = NonceWindow::new(Duration::from_secs(10), 3);
        for nonce in 0..100 {
            window.admit("c", "k", &nonce.to_string(), Timestamp::EPOCH).unwrap();
        }
        assert_eq!((window.seen.len(), window.order.len()), (3, 3));
    }
}
