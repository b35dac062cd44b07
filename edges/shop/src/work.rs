//! What goes on without a browser: transfers under way, subscriptions and budgets.
//!
//! Every process may do it. A row's version decides which of them does.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::orders::{Purpose, Stage, Transfer};
use crate::store::Changed;
use crate::{Core, Shop};

/// How often the shop looks for what is due.
const TICK: Duration = Duration::from_millis(500);
/// So many transfers are worked at together. A wallet that answers slowly holds up only its own.
const TOGETHER_MAX: usize = 20;
/// How long others leave a transfer alone that one process works at.
pub(crate) const LEASE: Duration = Duration::from_secs(30);

impl Shop {
    /// Works until `stop` is ready.
    pub async fn work(&self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut steps = JoinSet::new();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = &mut stop => break,
            }
            while steps.try_join_next().is_some() {}
            if let Err(error) = self.0.round(&mut steps).await {
                tracing::error!(%error, "the shop cannot read what is due");
            }
        }
        // A step that has begun is ended, so a stop loses nothing.
        while steps.join_next().await.is_some() {}
    }
}

impl Core {
    /// Begins the steps that are due.
    async fn round(self: &Arc<Self>, steps: &mut JoinSet<()>) -> Result<(), database::Error> {
        let free = TOGETHER_MAX.saturating_sub(steps.len());
        if free == 0 {
            return Ok(());
        }
        for mut transfer in self.store.due(self.clock.now(), free).await? {
            let lease = self.clock.now().saturating_add(LEASE);
            if self.store.save(&mut transfer, Some(lease)).await? == Changed::Overtaken {
                continue;
            }
            let core = Arc::clone(self);
            steps.spawn(async move { core.step(&mut transfer).await });
        }
        Ok(())
    }

    async fn step(&self, transfer: &mut Transfer) {
        let order = match self.store.order(transfer.order).await {
            Ok(Some(order)) => order,
            Ok(None) => return,
            Err(error) => return tracing::error!(%error, "an order cannot be read"),
        };
        let made = if transfer.purpose == Purpose::Charge && transfer.stage.is_begun() {
            self.look_at_period(&order, transfer).await
        } else if transfer.stage == Stage::Allowed {
            self.take(&order, transfer).await
        } else {
            self.till.advance(&order, transfer).await.map(drop)
        };
        // What was not made is due again when the lease ends.
        if let Err(error) = made {
            tracing::warn!(transfer = %transfer.id, %error, "a transfer waits");
        }
    }
}
