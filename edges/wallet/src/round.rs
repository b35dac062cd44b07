//! Work that is done again and again, by one of all the processes at a time: the only job of a queue.
//!
//! What is done is in `missed` and `reconciling`.

use std::sync::Arc;

use clock::Entropy;
use database::Error;
use jobs::{Handler, NewJob, Worker, WorkerSettings};

use crate::effects::Effects;

/// The queue, and the only job in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    pub(crate) queue: &'static str,
    pub(crate) key: &'static str,
}

impl Round {
    /// Makes sure that there is the job.
    pub(crate) async fn begin(self, effects: &Effects) -> Result<(), Error> {
        let transaction = effects.store.database().begin().await?;
        let job = NewJob::new(self.queue, self.key, effects.clock.now());
        jobs::enqueue(&transaction, job.behind_one_that_waits())?;
        transaction.commit().await
    }

    pub(crate) fn worker(self, effects: &Effects, entropy: &Arc<dyn Entropy>, handler: Arc<dyn Handler>) -> Worker {
        let settings = WorkerSettings { concurrency: 1, ..WorkerSettings::default() };
        let (database, clock) = (effects.store.database().clone(), Arc::clone(&effects.clock));
        Worker::new(database, clock, Arc::clone(entropy), self.queue, handler, settings)
    }

    /// Works until `shutdown` resolves.
    pub(crate) async fn work(self, effects: &Effects, worker: Worker, shutdown: impl Future<Output = ()> + Send) {
        if let Err(error) = self.begin(effects).await {
            // Another process, or the next start, does it.
            let error = &error as &dyn std::error::Error;
            tracing::warn!(
                error,
                queue = self.queue,
                "this process could not begin a job that is done again and again"
            );
        }
        worker.run(shutdown).await;
    }
}
