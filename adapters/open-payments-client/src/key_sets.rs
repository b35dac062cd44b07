//! Finds the key of a client at its wallet address, and remembers it for a short time.
//!
//! It never keeps a key longer than the keys' server allows (`Cache-Control`, RFC 9111 section 5.2.2), so that a key
//! that is no longer published is refused. Clients choose these URLs, so the number of look-ups is bounded, and
//! failures are remembered too. Concurrent look-ups of one client share one fetch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clock::{Clock, Timestamp};
use http_signatures::{Jwk, JwkSet};
use tokio::sync::Semaphore;

use crate::key_memory::KeyMemory;
use crate::public::{PublicResources, Published};

/// How long keys are remembered.
#[derive(Clone, Copy, Debug)]
pub struct KeySetsConfig {
    /// How long a key set is used at most; its server may allow less.
    pub fresh_for: Duration,
    /// How long a set is not fetched again after a signature was not valid with its key.
    pub recheck_after: Duration,
    /// How long a failed fetch is not repeated. Also how long a set that was fetched again for a missing key is not
    /// fetched a third time.
    pub retry_after: Duration,
    /// The most octets of clients' names and keys that are remembered.
    pub octets_max: usize,
    /// The most sets that are fetched at the same time. Other fetches wait.
    pub fetches_max: usize,
}

impl Default for KeySetsConfig {
    fn default() -> Self {
        Self {
            fresh_for: Duration::from_mins(1),
            recheck_after: Duration::from_secs(1),
            retry_after: Duration::from_secs(10),
            octets_max: 16 << 20,
            fetches_max: 256,
        }
    }
}

/// Why a client's key was not found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyLookupError {
    /// The set could not be fetched.
    #[error("the keys of {wallet_address} could not be retrieved: {reason}")]
    NotRetrieved {
        /// The client.
        wallet_address: String,
        /// The reason.
        reason: Arc<str>,
    },
    /// The set has no usable key of that name.
    #[error("{wallet_address} publishes no usable key {key_id}")]
    UnknownKey {
        /// The client.
        wallet_address: String,
        /// The name.
        key_id: String,
    },
}

/// Finds and remembers clients' keys.
#[derive(Debug)]
pub struct KeySets {
    public: PublicResources,
    clock: Arc<dyn Clock>,
    config: KeySetsConfig,
    slots: KeyMemory<Slot>,
    fetches: Semaphore,
    /// Counts look-ups and fetches, to know which began first.
    turns: AtomicU64,
}

/// One client. The lock is held while its keys are fetched, so that others wait for that fetch.
type Slot = tokio::sync::Mutex<Option<Fetched>>;

#[derive(Clone, Debug)]
struct Fetched {
    at: Timestamp,
    /// The turn in which the fetch began.
    turn: u64,
    /// How long its server lets it be used.
    lasts: Duration,
    cause: Cause,
    result: Result<Arc<JwkSet>, Arc<str>>,
}

/// Why a set was fetched.
#[derive(Clone, Copy, Debug)]
enum Cause {
    /// No usable set was known.
    Unknown,
    /// The known set had no such key.
    LacksKey,
}

/// What to do with a set that is known.
enum Use {
    AsItIs(Fetched),
    Refresh,
    Replace,
}

impl KeySets {
    /// Makes a memory that fetches keys through `public`.
    pub fn new(public: PublicResources, config: KeySetsConfig, clock: Arc<dyn Clock>) -> Self {
        let slots = KeyMemory::new(config.octets_max, config.fresh_for.max(config.retry_after));
        let fetches = Semaphore::new(config.fetches_max);
        Self { public, clock, config, slots, fetches, turns: AtomicU64::new(0) }
    }

    /// The key named `key_id` of the client `wallet_address`.
    ///
    /// A set without the key is fetched once more, so that a client may sign with a key that it has just published.
    pub async fn find(&self, wallet_address: &str, key_id: &str) -> Result<Jwk, KeyLookupError> {
        let asked = self.turn();
        let fetched = self.fetched(wallet_address, |known| self.judge(known, key_id, asked)).await;
        match fetched.result {
            Err(reason) => Err(KeyLookupError::NotRetrieved { wallet_address: wallet_address.to_owned(), reason }),
            Ok(set) => set.get(key_id).cloned().ok_or_else(|| KeyLookupError::UnknownKey {
                wallet_address: wallet_address.to_owned(),
                key_id: key_id.to_owned(),
            }),
        }
    }

    /// The key named `key_id` after a signature was not valid with `failed`, if it is another key now.
    ///
    /// A client may have replaced a key under the same name. So its set is fetched again from time to time.
    pub async fn find_again(&self, wallet_address: &str, key_id: &str, failed: &Jwk) -> Option<Jwk> {
        let other = |known: &Fetched| {
            let key = known.result.as_ref().ok().and_then(|set| set.get(key_id));
            key.filter(|key| *key != failed).cloned()
        };
        let fetched = self
            .fetched(wallet_address, |known| {
                let age = self.clock.now().saturating_since(known.at);
                let checked = other(&known).is_some() || age < self.config.recheck_after;
                if checked { Use::AsItIs(known) } else { Use::Replace }
            })
            .await;
        other(&fetched)
    }

    /// What is known of a client as `judge` decides, or fetched now.
    async fn fetched(&self, wallet_address: &str, judge: impl FnOnce(Fetched) -> Use) -> Fetched {
        let slot = self.slots.of(wallet_address, self.clock.now());
        let mut entry = slot.lock().await;
        let fetched = match entry.take().map(judge) {
            Some(Use::AsItIs(known)) => known,
            Some(Use::Refresh) => self.fetch(wallet_address, Cause::LacksKey).await,
            Some(Use::Replace) | None => self.fetch(wallet_address, Cause::Unknown).await,
        };
        entry.insert(fetched).clone()
    }

    fn judge(&self, known: Fetched, key_id: &str, asked: u64) -> Use {
        if known.turn > asked {
            // It was fetched while this look-up waited, so nothing can be newer.
            return Use::AsItIs(known);
        }
        let age = self.clock.now().saturating_since(known.at);
        let lasts = match (&known.result, known.cause) {
            (Ok(set), _) if set.get(key_id).is_some() => known.lasts,
            // Otherwise a stranger could invent key names and make us send a request to another server for each.
            (Ok(_), Cause::LacksKey) | (Err(_), _) => self.config.retry_after,
            (Ok(_), Cause::Unknown) => return Use::Refresh,
        };
        if age < lasts { Use::AsItIs(known) } else { Use::Replace }
    }

    async fn fetch(&self, wallet_address: &str, cause: Cause) -> Fetched {
        // The semaphore is never closed, so this always succeeds.
        let _place = self.fetches.acquire().await;
        let (turn, at) = (self.turn(), self.clock.now());
        let (lasts, result) = match self.public.keys(wallet_address).await {
            Ok(Published { document, may_be_kept }) => (
                may_be_kept.map_or(self.config.fresh_for, |told| told.min(self.config.fresh_for)),
                Ok(Arc::new(document)),
            ),
            Err(error) => (Duration::ZERO, Err(Arc::from(error.to_string()))),
        };
        self.slots.weigh(wallet_address, octets(&result), at);
        Fetched { at, turn, lasts, cause, result }
    }

    fn turn(&self) -> u64 {
        self.turns.fetch_add(1, Ordering::SeqCst)
    }
}

/// The approximate size of a result in memory.
fn octets(result: &Result<Arc<JwkSet>, Arc<str>>) -> usize {
    match result {
        Ok(set) => set.keys.iter().map(|key| size_of::<Jwk>() + key.kid().len()).sum(),
        Err(reason) => reason.len(),
    }
}
