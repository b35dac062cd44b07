//! Remembers answers for a short time, so that a busy reader does not ask for every request.
//!
//! Answers about access that moves money are never kept. For all other access, a revoked token is refused when the
//! time is over.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clock::{Clock, Timestamp};
use gnap::{Action, IntrospectionRequest, TokenInfo};
use sha2::{Digest, Sha256};

/// The longest time that the answer "inactive" is remembered. It is short, because a token may be granted a moment after a
/// client has tried it.
const INACTIVE_MAX: Duration = Duration::from_secs(2);
/// The most answers remembered.
const ANSWERS_MAX: usize = 10_000;

/// The digest of a question.
type Key = [u8; 32];

/// Each answer with the instant at which it is forgotten.
type Answers = HashMap<Key, (Timestamp, TokenInfo)>;

/// Recent answers. Clones share one memory.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    at_most: Duration,
    clock: Arc<dyn Clock>,
    answers: Arc<Mutex<Answers>>,
}

impl Memory {
    pub(crate) fn new(at_most: Duration, clock: Arc<dyn Clock>) -> Self {
        Self { at_most, clock, answers: Arc::default() }
    }

    /// The key of a question; `None` if its answer must be fresh.
    pub(crate) fn key(question: &IntrospectionRequest) -> Option<Key> {
        let access = question.access.as_deref().unwrap_or_default();
        let reads = |action: &Action| !matches!(action, Action::Create | Action::Complete);
        let only_reads = access.iter().all(|item| item.actions.as_slice().iter().all(reads));
        let text = serde_json::to_vec(question).ok()?;
        (only_reads && !access.is_empty()).then(|| Sha256::digest(text).into())
    }

    pub(crate) fn find(&self, key: &Key) -> Option<TokenInfo> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.get(key).filter(|(until, _)| self.clock.now() < *until).map(|(_, answer)| answer.clone())
    }

    pub(crate) fn remember(&self, key: Key, answer: &TokenInfo) {
        let now = self.clock.now();
        let time = match answer {
            TokenInfo::Active(_) => self.at_most,
            TokenInfo::Inactive => self.at_most.min(INACTIVE_MAX),
        };
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= ANSWERS_MAX {
            answers.retain(|_, (until, _)| now < *until);
        }
        if answers.len() < ANSWERS_MAX {
            answers.insert(key, (now + time, answer.clone()));
        }
    }
}
