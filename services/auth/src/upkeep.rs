//! Forgetting what is over, now and then.

use std::time::Duration;

use crate::Auth;

/// Mean time between two runs.
const EVERY: Duration = Duration::from_hours(1);

impl Auth {
    /// Forgets old tokens and unanswered questions once.
    pub async fn purge(&self) {
        match self.inner.store.purge(&self.inner.settings.retention, self.inner.clock.now()).await {
            Ok(purged) => tracing::debug!(
                tokens = purged.tokens,
                grants = purged.grants,
                kept = purged.kept,
                "old grants were forgotten"
            ),
            Err(error) => tracing::warn!(%error, "old grants could not be forgotten; the next run tries again"),
        }
    }

    /// Forgets at start and then about once an hour, until the task is dropped.
    ///
    /// The pause varies, so that processes on one database do not run at the same moment.
    pub async fn run_upkeep(&self) {
        loop {
            self.purge().await;
            let [random] = self.inner.entropy.bytes::<1>();
            tokio::time::sleep(EVERY / 2 + EVERY * u32::from(random) / 256).await;
        }
    }
}
