//! The result of a request with an idempotency key, for the transaction that makes it: a process that dies leaves both
//! or neither.
//!
//! If the keys are not in the database of that transaction, nothing is written here, and `keys` stores the result after
//! the action.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use database::WriteTransaction;
use serde::Serialize;
use shared_cache::SharedCache;

use crate::entry::Entry;

/// Stores the result of one request.
#[derive(Clone, Debug)]
pub struct ResultNote {
    cache: SharedCache,
    pub(crate) name: String,
    pub(crate) content: String,
    /// The claim of the request; `None` if it claims the key together with the result.
    claim: Option<Bytes>,
    kept: Duration,
    stored: Arc<AtomicBool>,
}

impl ResultNote {
    pub(crate) fn new(
        cache: &SharedCache,
        name: String,
        content: String,
        claim: Option<Bytes>,
        kept: Duration,
    ) -> Self {
        Self { cache: cache.clone(), name, content, claim, kept, stored: Arc::default() }
    }

    /// Stores the identity of the result in `transaction`. If the key is claimed with the result, and was used before,
    /// the transaction fails.
    pub fn write_within(&self, transaction: &WriteTransaction, identity: &impl Serialize) {
        let Some(done) = self.done(identity) else { return };
        let written = match &self.claim {
            Some(claim) => self.cache.replace_within(transaction, &self.name, claim, done, self.kept),
            None => self.cache.set_within(transaction, &self.name, done, self.kept),
        };
        if let Some(written) = written {
            let stored = Arc::clone(&self.stored);
            transaction.on_commit(move || stored.store(written.get(), Ordering::Release));
        }
    }

    /// Whether the result was committed.
    pub(crate) fn is_stored(&self) -> bool {
        self.stored.load(Ordering::Acquire)
    }

    /// The entry for a result with this identity.
    pub(crate) fn done(&self, identity: &impl Serialize) -> Option<Bytes> {
        match serde_json::to_value(identity) {
            Ok(result) => Some(Entry::Done { content: self.content.clone(), result }.encode()),
            Err(error) => {
                tracing::error!(%error, "the result of an idempotency key cannot be serialized");
                None
            }
        }
    }
}
