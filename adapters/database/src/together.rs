//! Callers who arrive while somebody writes share the next write.
//!
//! Not a queue that outlives its callers: each waits for its own answer.

use std::sync::{Mutex, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, oneshot};

/// Collects what callers bring at the same time. The first who finds nobody at work takes what all have brought.
#[derive(Debug)]
pub struct Together<T, R> {
    brought: Mutex<Vec<(T, oneshot::Sender<R>)>>,
    at_work: AsyncMutex<()>,
    at_most: usize,
}

impl<T, R> Together<T, R> {
    /// So many at once.
    pub fn new(at_most: usize) -> Self {
        Self { brought: Mutex::default(), at_work: AsyncMutex::default(), at_most: at_most.max(1) }
    }

    /// Brings `item`, and has `work` done for it and for what others brought meanwhile; the answer for `item`.
    ///
    /// `work` gives one answer for each item, in their order. `None` if somebody took the item and was stopped.
    pub async fn bring<W>(&self, item: T, work: impl Fn(Vec<T>) -> W) -> Option<R>
    where
        W: Future<Output = Vec<R>>,
    {
        let (sender, mut answer) = oneshot::channel();
        self.brought().push((item, sender));
        loop {
            tokio::select! {
                biased;
                answer = &mut answer => return answer.ok(),
                _turn = self.at_work.lock() => {
                    let (items, callers): (Vec<T>, Vec<_>) = self.take().into_iter().unzip();
                    if items.is_empty() {
                        return answer.await.ok();
                    }
                    for (caller, answer) in callers.into_iter().zip(work(items).await) {
                        // A caller who does not wait any more needs no answer.
                        let _ = caller.send(answer);
                    }
                }
            }
        }
    }

    fn take(&self) -> Vec<(T, oneshot::Sender<R>)> {
        let mut brought = self.brought();
        let many = brought.len().min(self.at_most);
        // Who does not wait any more still brought something to be done.
        brought.drain(..many).collect()
    }

    fn brought(&self) -> std::sync::MutexGuard<'_, Vec<(T, oneshot::Sender<R>)>> {
        self.brought.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
