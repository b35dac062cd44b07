//! Holds the snapshot in use, and reads a new one when it is out of date.
//!
//! Callers that ask at the same time share one read, if it began after they asked.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use database::Error;
use payments_store::Store;
use tokio::sync::Mutex;

use crate::facts::Facts;
use crate::{FactsMark, Freshness};

#[derive(Debug, Default)]
pub(crate) struct FactsInUse {
    /// The last snapshot, and the mark with which it may be used. Without a mark, only the callers that asked for it
    /// may use it.
    picture: RwLock<Option<(Option<FactsMark>, Arc<Facts>)>>,
    /// Locked during a read. Holds the turn in which the last read began.
    reading: Mutex<u64>,
    /// Counts questions and reads, to know which began first.
    turns: AtomicU64,
}

impl FactsInUse {
    pub(crate) async fn current(&self, store: &Store, freshness: &Freshness) -> Result<Arc<Facts>, Error> {
        if let Some(picture) = self.if_fresh(freshness) {
            return Ok(picture);
        }
        let asked = self.turn();
        let mut began = self.reading.lock().await;
        let shared = if *began > asked { self.last() } else { self.if_fresh(freshness) };
        if let Some(picture) = shared {
            return Ok(picture);
        }
        // The mark is taken before the read, so that a change during the read makes the snapshot out of date at once.
        let (turn, mark) = (self.turn(), freshness.of_facts());
        let picture = Arc::new(Facts::read(store).await?);
        *self.picture.write().unwrap_or_else(PoisonError::into_inner) = Some((mark, Arc::clone(&picture)));
        *began = turn;
        Ok(picture)
    }

    /// The snapshot in memory, if nothing has changed since it was read.
    pub(crate) fn if_fresh(&self, freshness: &Freshness) -> Option<Arc<Facts>> {
        let now = freshness.of_facts()?;
        let picture = self.picture.read().unwrap_or_else(PoisonError::into_inner);
        picture.as_ref().filter(|(mark, _)| *mark == Some(now)).map(|(_, facts)| Arc::clone(facts))
    }

    fn last(&self) -> Option<Arc<Facts>> {
        let picture = self.picture.read().unwrap_or_else(PoisonError::into_inner);
        picture.as_ref().map(|(_, facts)| Arc::clone(facts))
    }

    fn turn(&self) -> u64 {
        self.turns.fetch_add(1, Ordering::SeqCst)
    }
}
