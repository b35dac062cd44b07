//! What goes on without a browser: transfers under way, and subscriptions.
//!
//! Every process may do it. A row's version decides which of them does.

use std::time::Duration;

use crate::orders::{Purpose, Transfer};
use crate::store::Changed;
use crate::{Core, Shop};

/// How often the shop looks for what is due.
const TICK: Duration = Duration::from_millis(500);
/// The most transfers of one look.
const MOST: i64 = 20;
/// How long others leave a transfer alone that one process works at.
const LEASE: Duration = Duration::from_mins(1);

impl Shop {
    /// Works until `stop` is ready.
    pub async fn work(&self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = &mut stop => return,
            }
            // A step that has begun is ended, so a stop loses nothing.
            if let Err(error) = self.0.round().await {
                tracing::error!(%error, "the shop cannot read what is due");
            }
        }
    }
}

impl Core {
    /// One look for what is due.
    async fn round(&self) -> Result<(), database::Error> {
        for mut transfer in self.store.due(self.clock.now(), MOST).await? {
            let lease = self.clock.now().saturating_add(LEASE);
            if self.store.save(&mut transfer, Some(lease)).await? == Changed::Overtaken {
                continue;
            }
            self.step(&mut transfer).await;
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
        } else {
            self.till.advance(&order, transfer).await.map(drop)
        };
        // What was not made is due again when the lease ends.
        if let Err(error) = made {
            tracing::warn!(transfer = %transfer.id, %error, "a transfer waits");
        }
    }
}
