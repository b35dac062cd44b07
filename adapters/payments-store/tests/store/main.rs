//! Values as they are stored and read back, on both dialects.
//! The rules about these values are tested in `payments-model`.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as expected")]

mod concurrency;
mod directory;
mod events;
mod parties;
mod quotes;

use clock::Timestamp;
use payments_model::{AssetId, Secret, TenantAsset, TenantId, WalletAddress};
use payments_store::{Error, Store};
use testkit::TestDatabase;
use uuid::Uuid;

const OPERATOR: TenantId = TenantId::from_uuid(Uuid::from_u128(1));

fn now() -> Timestamp {
    testkit::fixed_clock().now()
}

async fn open(database: &TestDatabase) -> Store {
    let store = Store::open((**database).clone()).await.unwrap();
    let unit = store.begin().await.unwrap();
    unit.every_tenant().ensure_operator(OPERATOR, &Secret::new("s3cret"), now()).await.unwrap();
    unit.commit().await.unwrap();
    store
}

async fn add_asset(store: &Store, code: &str, n: u128) -> Result<TenantAsset, Error> {
    let unit = store.begin().await.unwrap();
    let scope = unit.tenant(OPERATOR);
    let asset = TenantAsset {
        id: AssetId::from_uuid(Uuid::from_u128(n)),
        tenant_id: OPERATOR,
        ledger: scope.take_ledger_number().await?,
        asset: money::Asset::new(code, 2).unwrap(),
        withdrawal_threshold: None,
        liquidity_threshold: Some(100),
        created_at: now(),
        updated_at: now(),
        deleted_at: None,
    };
    scope.insert_asset(&asset).await?;
    unit.commit().await?;
    Ok(asset)
}

fn wallet_address(asset: &TenantAsset, address: &str, n: u128) -> WalletAddress {
    WalletAddress {
        id: Uuid::from_u128(n).into(),
        tenant_id: asset.tenant_id,
        address: address.to_owned(),
        public_name: Some("Ann".into()),
        asset: asset.clone(),
        total_events_amount: 0,
        process_at: None,
        deactivated_at: None,
        created_at: now(),
        updated_at: now(),
    }
}
