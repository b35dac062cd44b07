//! Removes old rows from time to time.
//!
//! It does not decide what is old: the store does.

use std::time::Duration;

use crate::Auth;

/// The mean time between two runs.
const EVERY: Duration = Duration::from_hours(1);

impl Auth {
    /// Removes old tokens and unanswered grants once.
    pub async fn purge(&self) {
        match self.inner.store.purge(&self.inner.settings.retention, self.inner.clock.now()).await {
            Ok(purged) => tracing::debug!(
                tokens = purged.tokens,
                grants = purged.grants,
                kept = purged.kept,
                "old grants were deleted"
            ),
            Err(error) => tracing::warn!(%error, "old grants could not be deleted; the next run tries again"),
        }
    }

    /// Removes old rows at the start and then about once an hour, until the task is dropped.
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
