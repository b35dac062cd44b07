//! Watches the balances that packets use, and reports a balance that has fallen to its threshold.
//!
//! Each crossing is reported once. Balances are read once per interval, apart from packets. So a low balance costs no
//! extra query per packet and causes no flood of events.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clock::{Clock, Timestamp};
use ledger::{AccountId, Ledger};
use payments_model::TenantId;

use crate::accounts::{AccountAsset, Source};
use crate::ports::{LiquidityAlerts, LiquidityHolder, LowLiquidity};

/// How often the balance of one account is read.
const INTERVAL: Duration = Duration::from_secs(1);

/// The watch over peers' and assets' liquidity.
pub(crate) struct LiquidityWatch {
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    alerts: Arc<dyn LiquidityAlerts>,
    seen: Mutex<HashMap<LiquidityHolder, Seen>>,
}

/// What is known of one account.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// Whether a read is planned. It will see every movement made before it.
    look_is_due: bool,
    not_before: Timestamp,
    was_low: bool,
}

#[derive(Clone, Copy, Debug)]
struct Watched {
    tenant: TenantId,
    holder: LiquidityHolder,
    threshold: u64,
}

impl LiquidityWatch {
    pub(crate) fn new(ledger: Arc<dyn Ledger>, clock: Arc<dyn Clock>, alerts: Arc<dyn LiquidityAlerts>) -> Self {
        Self { ledger, clock, alerts, seen: Mutex::default() }
    }

    /// Called after money moved from `source` to an account in `destination`.
    pub(crate) fn moved(self: &Arc<Self>, source: &Source, destination: &AccountAsset) {
        let peer = source.peer().and_then(|peer| {
            let threshold = peer.record().liquidity_threshold?;
            Some(Watched { tenant: peer.tenant(), holder: LiquidityHolder::Peer(peer.id()), threshold })
        });
        let asset = destination.liquidity_threshold.map(|threshold| {
            let holder = LiquidityHolder::Asset(destination.ledger.id);
            Watched { tenant: source.tenant(), holder, threshold }
        });
        for watched in peer.into_iter().chain(asset) {
            if let Some(pause) = self.plan_look(watched.holder) {
                let watch = self.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(pause).await;
                    watch.look(watched).await;
                });
            }
        }
    }

    /// How long to wait before the balance is read; `None` if a read is already planned.
    fn plan_look(&self, holder: LiquidityHolder) -> Option<Duration> {
        let now = self.clock.now();
        let mut seen = self.lock();
        let seen = seen.entry(holder).or_default();
        if seen.look_is_due {
            return None;
        }
        seen.look_is_due = true;
        Some(seen.not_before.saturating_since(now))
    }

    async fn look(&self, watched: Watched) {
        {
            let mut seen = self.lock();
            let seen = seen.entry(watched.holder).or_default();
            seen.look_is_due = false;
            seen.not_before = self.clock.now() + INTERVAL;
        }
        let id = match watched.holder {
            LiquidityHolder::Peer(peer) => AccountId::from(peer),
            LiquidityHolder::Asset(asset) => AccountId::from(asset),
        };
        // If the ledger does not answer, the next packet causes another read.
        let Ok(found) = self.ledger.accounts(vec![id]).await else { return };
        let Some(balance) = found.first().copied().flatten().map(|account| account.credit_balance()) else { return };
        let is_low = balance <= u128::from(watched.threshold);
        let was_low = {
            let mut seen = self.lock();
            std::mem::replace(&mut seen.entry(watched.holder).or_default().was_low, is_low)
        };
        if is_low && !was_low {
            self.alerts.low(LowLiquidity { tenant: watched.tenant, holder: watched.holder, balance }).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<LiquidityHolder, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
