//! Sends account-servicing entities the event that liquidity is low.
//! Alarms of the ledger are in `ledger_watch`.

use std::sync::Arc;

use async_trait::async_trait;
use clock::{Clock, Entropy};
use connector::{LiquidityAlerts, LiquidityHolder, LowLiquidity};
use payments_model::webhook_event::{EventType, Subject, WebhookEvent};
use payments_model::{AssetId, PeerId, TenantAsset, TenantId, WebhookEventId};
use payments_store::{Error, Store};
use serde_json::json;
use uuid::Uuid;
use webhooks::{Audience, Webhooks};

use crate::roles::shared_deps::SharedDeps;

pub(crate) struct Alerts {
    store: Store,
    webhooks: Webhooks,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Alerts {
    pub(crate) fn new(store: Store, webhooks: Webhooks, deps: &SharedDeps) -> Self {
        Self { store, webhooks, clock: Arc::clone(&deps.clock), entropy: Arc::clone(&deps.entropy) }
    }

    async fn record(&self, alert: LowLiquidity) -> Result<(), Error> {
        let Some(low) = self.find(alert.tenant, alert.holder).await? else { return Ok(()) };
        let (asset, now) = (&low.asset.asset, self.clock.now());
        let event = WebhookEvent {
            id: WebhookEventId::random(&*self.entropy),
            event_type: low.event_type,
            tenant_id: alert.tenant,
            data: json!({
                "id": low.id,
                "asset": {"id": low.asset.id, "code": asset.code, "scale": asset.scale},
                "liquidityThreshold": low.threshold.map(|threshold| threshold.to_string()),
                "balance": alert.balance.to_string(),
            }),
            subject: low.subject,
            withdrawal: None,
            created_at: now,
        };
        let unit = self.store.begin().await?;
        self.webhooks.record(&unit, &event, &Audience::tenant(alert.tenant)).await?;
        unit.commit().await
    }

    async fn find(&self, tenant: TenantId, holder: LiquidityHolder) -> Result<Option<Low>, Error> {
        let scope = self.store.tenant(tenant);
        match holder {
            LiquidityHolder::Asset(id) => Ok(scope.asset(id).await?.map(|asset| Low::of_asset(id, asset))),
            LiquidityHolder::Peer(id) => {
                Ok(scope.peer(id).await?.map(|peer| Low::of_peer(id, peer.asset, peer.liquidity_threshold)))
            }
        }
    }
}

/// The owner of the low liquidity.
struct Low {
    id: Uuid,
    event_type: EventType,
    subject: Subject,
    asset: TenantAsset,
    threshold: Option<u64>,
}

impl Low {
    fn of_asset(id: AssetId, asset: TenantAsset) -> Self {
        let (event_type, subject) = (EventType::AssetLiquidityLow, Subject::Asset(id));
        Self { id: id.as_uuid(), event_type, subject, threshold: asset.liquidity_threshold, asset }
    }

    fn of_peer(id: PeerId, asset: TenantAsset, threshold: Option<u64>) -> Self {
        let (event_type, subject) = (EventType::PeerLiquidityLow, Subject::Peer(id));
        Self { id: id.as_uuid(), event_type, subject, asset, threshold }
    }
}

#[async_trait]
impl LiquidityAlerts for Alerts {
    async fn low(&self, alert: LowLiquidity) {
        if let Err(error) = self.record(alert).await {
            tracing::error!(%error, ?alert, "the event that liquidity is low was not recorded");
        }
    }
}
