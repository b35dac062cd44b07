//! A document of the provider as this process knows it: one caller reads it, and those who come meanwhile use the result.
//!
//! What is read, and how long it is good, the user of this file says.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clock::{Clock, Timestamp};

use crate::PublishedError;

/// After a failure, the provider is not asked for this time.
const MOMENT: Duration = Duration::from_secs(1);

/// One document.
#[derive(Debug)]
pub(crate) struct Kept<T> {
    clock: Arc<dyn Clock>,
    known: Mutex<Known<T>>,
    /// Held by the caller that reads.
    turn: tokio::sync::Mutex<()>,
}

/// What was read last, and how the last attempt failed. Both with the time after the attempt: it may have taken long.
#[derive(Debug)]
pub(crate) struct Known<T> {
    read: Option<(Timestamp, Arc<T>)>,
    failed: Option<(Timestamp, PublishedError)>,
}

/// What a caller does.
pub(crate) enum Next<T> {
    /// It uses this result.
    Use(Result<Arc<T>, PublishedError>),
    /// It reads again, unless somebody does. The old document is used until there is another.
    Renew(Arc<T>),
    /// It reads, or waits for who does.
    Read,
}

impl<T> Known<T> {
    /// The last document.
    pub(crate) fn last(&self) -> Option<Arc<T>> {
        self.read.as_ref().map(|(_, document)| Arc::clone(document))
    }

    /// The last document, if it is not older than `age`.
    pub(crate) fn within(&self, age: Duration, now: Timestamp) -> Option<Arc<T>> {
        self.read.as_ref().filter(|(at, _)| now < *at + age).map(|(_, document)| Arc::clone(document))
    }

    /// The failure of a moment ago.
    pub(crate) fn failure(&self, now: Timestamp) -> Option<PublishedError> {
        self.failed.as_ref().filter(|(at, _)| now < *at + MOMENT).map(|(_, error)| error.clone())
    }
}

impl<T> Kept<T> {
    /// Nothing is read yet.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let known = Mutex::new(Known { read: None, failed: None });
        Self { clock, known, turn: tokio::sync::Mutex::default() }
    }

    /// The document. `next` says whether it is read; only then `read` is awaited. An error before the provider was asked
    /// is outside of both results, and is not remembered.
    pub(crate) async fn get<E: From<PublishedError>>(
        &self,
        next: impl Fn(&Known<T>, Timestamp) -> Next<T>,
        read: impl Future<Output = Result<Result<T, PublishedError>, E>>,
    ) -> Result<Arc<T>, E> {
        let next = || next(&self.known(), self.clock.wall());
        let turn = match next() {
            Next::Use(result) => return Ok(result?),
            Next::Renew(old) => match self.turn.try_lock() {
                Ok(turn) => turn,
                Err(_) => return Ok(old),
            },
            Next::Read => self.turn.lock().await,
        };

        // Somebody may have read it meanwhile, or failed to.
        let old = match next() {
            Next::Use(result) => return Ok(result?),
            Next::Renew(old) => Some(old),
            Next::Read => None,
        };
        let result = self.note(read.await?);
        drop(turn);
        match (result, old) {
            (Ok(fresh), _) => Ok(fresh),
            (Err(error), Some(old)) => {
                tracing::warn!(%error, "what the provider published before is used");
                Ok(old)
            }
            (Err(error), None) => Err(error.into()),
        }
    }

    pub(crate) fn known(&self) -> MutexGuard<'_, Known<T>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, result: Result<T, PublishedError>) -> Result<Arc<T>, PublishedError> {
        let now = self.clock.wall();
        let mut known = self.known();
        match result {
            Ok(document) => {
                let document = Arc::new(document);
                *known = Known { read: Some((now, Arc::clone(&document))), failed: None };
                Ok(document)
            }
            Err(error) => {
                known.failed = Some((now, error.clone()));
                Err(error)
            }
        }
    }
}
