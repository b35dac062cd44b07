//! Money paid straight to a wallet address, announced from time to time (payments section 8).
//!
//! Not its reception: that schedules the jobs done here.

use std::sync::Arc;

use async_trait::async_trait;
use jobs::{Done, Failure, Handler, Job};
use payments_model::payment_events::amount;
use payments_model::webhook_event::{EventType, EventWithdrawal, Subject, WebhookEvent};
use payments_model::{WalletAddress, WalletAddressId, WebhookEventId};
use serde_json::json;
use webhooks::Audience;

use crate::Payments;
use crate::ledger_totals::amount_of;

impl Payments {
    async fn announce_web_monetization(&self, job: &Job) -> Result<Done, Failure> {
        let id: WalletAddressId = job.key().parse()?;
        let Some(address) = self.store().every_tenant().wallet_address(id).await? else { return Ok(Done::Complete) };
        self.0.parts.receivers.announced(id).await;
        let total = self.account(id).await?.map_or(0, |account| amount_of(account.credits_posted));
        let due = total.saturating_sub(address.total_events_amount);
        if due == 0 {
            return Ok(Done::Complete);
        }
        let now = self.now();
        let unit = self.begin().await?;
        if !unit.every_tenant().note_web_monetization(id, address.total_events_amount, total, now).await? {
            return Ok(Done::RunAgain(now));
        }
        let event = self.web_monetization_event(&address, due);
        self.0.parts.webhooks.record(&unit, &event, &Audience::tenant(address.tenant_id)).await?;
        job.complete(unit.transaction()).await?;
        unit.commit().await?;
        Ok(Done::Settled)
    }

    /// The event's data is that of webhooks section 6.3.
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

    /// Does the jobs of wallet addresses with money to announce.
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
