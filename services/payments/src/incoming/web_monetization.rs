//! Announcements of money paid straight to a wallet address.
//!
//! Its reception is in `live_receivers`, which creates the jobs that are handled here.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clock::Timestamp;
use jobs::{Done, Failure, Handler, Job};
use payments_model::payment_events::amount;
use payments_model::webhook_event::{EventType, EventWithdrawal, Subject, WebhookEvent};
use payments_model::{WalletAddress, WalletAddressId, WebhookEventId};
use serde_json::json;
use webhooks::Audience;

use crate::administration::Caller;
use crate::ledger_totals::amount_of;
use crate::queues::WEB_MONETIZATION_QUEUE;
use crate::service::Payments;
use crate::unavailable::Unavailable;

/// If money is announced by amount alone, the balance is checked this long after the first payment.
pub(crate) const LOOK_AGAIN_AFTER: Duration = Duration::from_mins(1);

/// How many jobs are looked at together.
const LOOKED_AT: u32 = 100;

/// When the money of a wallet address that has received `total` is to be announced; `None` if it is not due.
///
/// It is due at once when it has reached the asset's threshold, otherwise after `delay`, if a delay is set.
pub(crate) fn announce_at(
    address: &WalletAddress,
    total: u64,
    delay: Option<Duration>,
    now: Timestamp,
) -> Option<Timestamp> {
    let due = total.saturating_sub(address.total_events_amount);
    if due == 0 {
        return None;
    }
    let reached = address.asset.withdrawal_threshold.is_some_and(|threshold| threshold <= due);
    if reached { Some(now) } else { delay.map(|delay| now + delay) }
}

impl Payments {
    async fn announce_web_monetization(&self, job: &Job) -> Result<Done, Failure> {
        let id: WalletAddressId = job.key().parse()?;
        let Some(address) = self.store().every_tenant().wallet_address(id).await? else { return Ok(Done::Complete) };
        let total = self.account(id).await?.map_or(0, |account| amount_of(account.credits_posted));
        let now = self.now();
        let delay = self.0.parts.receivers.0.settings.web_monetization_delay;
        if announce_at(&address, total, delay, now).is_none() {
            return Ok(Done::Complete);
        }
        let due = total - address.total_events_amount;
        let unit = self.begin().await?;
        if !unit.every_tenant().note_web_monetization(id, address.total_events_amount, total, now).await? {
            return Ok(Done::RunAgain(now));
        }
        let event = self.web_monetization_event(&address, due);
        self.0.parts.webhooks.record(&unit, &event, &Audience::tenant(address.tenant_id)).await?;
        job.complete(unit.transaction());
        unit.commit().await?;
        Ok(Done::Settled)
    }

    /// Announces the due amounts at once, at up to `limit` wallet addresses that the caller may see. Returns the number
    /// of addresses that were handled. Workers do the same by themselves; this is for a caller that does not wait for
    /// them, or has none.
    pub async fn announce_due_web_monetization(&self, caller: Caller, limit: usize) -> Result<usize, Unavailable> {
        let worker = self.worker(WEB_MONETIZATION_QUEUE, self.web_monetization_handler(), 1);
        let (store, now) = (self.store(), self.now());
        let (mut last, mut handled) = (None, 0);
        while handled < limit {
            let due = jobs::due_jobs(store.database(), WEB_MONETIZATION_QUEUE, now, last.as_ref(), LOOKED_AT).await?;
            if due.is_empty() {
                break;
            }
            for job in &due {
                let Ok(id) = job.key.parse() else { continue };
                let is_reached = caller.reach(store).wallet_address(id).await?.is_some();
                if handled < limit && is_reached && worker.run_now(&job.key).await? {
                    handled += 1;
                }
            }
            last = due.into_iter().next_back();
        }
        Ok(handled)
    }

    fn web_monetization_event(&self, address: &WalletAddress, due: u64) -> WebhookEvent {
        let data = json!({ "walletAddress": {
            "id": address.id, "createdAt": address.created_at, "receivedAmount": amount(due, &address.asset.asset),
        } });
        WebhookEvent {
            id: WebhookEventId::random(self.entropy()),
            event_type: EventType::WalletAddressWebMonetization,
            tenant_id: address.tenant_id,
            data,
            subject: Subject::WalletAddress(address.id),
            withdrawal: Some(EventWithdrawal { account: address.id.into(), asset_id: address.asset.id, amount: due }),
            created_at: self.now(),
        }
    }

    /// Handles the jobs that announce money of wallet addresses.
    pub fn web_monetization_handler(&self) -> Arc<dyn Handler> {
        Arc::new(WebMonetizationHandler(self.clone()))
    }
}

struct WebMonetizationHandler(Payments);

#[async_trait]
impl Handler for WebMonetizationHandler {
    async fn run(&self, job: &Job) -> Result<Done, Failure> {
        self.0.announce_web_monetization(job).await
    }
}
