//! Assets: their creation, change and deletion.
//! Liquidity is in `liquidity`.

use ledger::CreateAccountResult;
use payments_model::accounting::{LedgerAsset, TransferError};
use payments_model::{AssetId, TenantAsset, TenantId};

use super::{Administration, Caller, ForeignTenant};
use crate::unavailable::Unavailable;

/// An asset to be created.
#[derive(Clone, Debug)]
pub struct NewAsset {
    /// Its code and scale.
    pub asset: money::Asset,
    /// Amounts at which its owner gets an event.
    pub thresholds: Thresholds,
    /// The tenant that owns it; `None` means the caller.
    pub tenant: Option<TenantId>,
}

/// Amounts at which the owner of an asset gets an event; `None` means never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Thresholds {
    /// Money paid straight to a wallet address is announced when it has reached this amount.
    pub withdrawal: Option<u64>,
    /// An event is sent when the liquidity has fallen to this amount.
    pub liquidity: Option<u64>,
}

/// Why an asset was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateAssetError {
    /// Only the operator may create an asset for another tenant.
    #[error(transparent)]
    ForeignTenant(#[from] ForeignTenant),
    /// This tenant does not exist.
    #[error("tenant does not exist")]
    UnknownTenant,
    /// The tenant already has this asset.
    #[error("Asset already exists")]
    Duplicate,
    /// The database or the ledger did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why an asset was not changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateAssetError {
    /// The caller has no such asset.
    #[error("Asset not found")]
    Unknown,
    /// The database or the ledger did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why an asset was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteAssetError {
    /// The caller has no such asset.
    #[error("Asset not found")]
    Unknown,
    /// A peer or a wallet address uses it.
    #[error("Cannot delete! Asset in use.")]
    InUse,
    /// The database or the ledger did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

macro_rules! from_store {
    ($($error:ident),*) => {
        $(impl From<payments_store::Error> for $error {
            fn from(error: payments_store::Error) -> Self {
                Self::Unavailable(error.into())
            }
        })*
    };
}
pub(crate) use from_store;
from_store!(CreateAssetError, UpdateAssetError, DeleteAssetError);

impl Administration {
    /// Creates an asset with its ledger accounts, or restores a deleted asset of the same name.
    ///
    /// The accounts are created first, because an asset can be used as soon as it can be seen. After a crash in
    /// between, one ledger number stays unused.
    pub async fn create_asset(&self, caller: Caller, new: NewAsset) -> Result<TenantAsset, CreateAssetError> {
        let tenant = caller.assign(new.tenant)?;
        let reader = self.store.tenant(tenant);
        let owner = reader.find_tenant(tenant).await?;
        owner.filter(|owner| owner.deleted_at.is_none()).ok_or(CreateAssetError::UnknownTenant)?;

        if let Some(found) = reader.asset_by_code_and_scale(tenant, &new.asset).await? {
            return self.revive_asset(&found).await;
        }

        let now = self.now();
        let asset = TenantAsset {
            id: AssetId::random(&*self.entropy),
            tenant_id: tenant,
            ledger: self.take_ledger_number().await?,
            asset: new.asset,
            withdrawal_threshold: new.thresholds.withdrawal,
            liquidity_threshold: new.thresholds.liquidity,
            created_at: now,
            updated_at: now,
            deleted_at: None,
        };
        self.create_asset_accounts(asset.in_ledger()).await?;

        let unit = self.store.begin().await?;
        match unit.tenant(tenant).insert_asset(&asset).await {
            Ok(()) => unit.commit().await?,
            Err(error) if error.is_unique_violation() => return Err(CreateAssetError::Duplicate),
            Err(error) => return Err(error.into()),
        }

        Ok(asset)
    }

    /// Replaces both thresholds of one of the caller's assets.
    pub async fn update_asset(
        &self,
        caller: Caller,
        id: AssetId,
        thresholds: Thresholds,
    ) -> Result<TenantAsset, UpdateAssetError> {
        let unit = self.store.begin().await?;
        let scope = unit.tenant(caller.tenant);
        let found = scope.locked_asset(id).await?.filter(|asset| asset.deleted_at.is_none());
        let mut changed = found.ok_or(UpdateAssetError::Unknown)?;
        changed.withdrawal_threshold = thresholds.withdrawal;
        changed.liquidity_threshold = thresholds.liquidity;
        changed.updated_at = self.now();
        scope.update_asset(&changed).await?;
        let changed = changed.into_inner();
        unit.commit().await?;
        Ok(changed)
    }

    /// Deletes one of the caller's assets if no peer and no wallet address uses it. Creating it again restores it.
    pub async fn delete_asset(&self, caller: Caller, id: AssetId) -> Result<TenantAsset, DeleteAssetError> {
        let unit = self.store.begin().await?;
        let scope = unit.tenant(caller.tenant);
        // A peer or wallet address of this asset is created under the same lock. So none can be added during this
        // check.
        let found = scope.locked_asset(id).await?.filter(|asset| asset.deleted_at.is_none());
        let mut deleted = found.ok_or(DeleteAssetError::Unknown)?;
        if scope.has_peer_in(id).await? || scope.has_wallet_address_in(id).await? {
            return Err(DeleteAssetError::InUse);
        }
        let now = self.now();
        (deleted.deleted_at, deleted.updated_at) = (Some(now), now);
        scope.update_asset(&deleted).await?;
        let deleted = deleted.into_inner();
        unit.commit().await?;
        Ok(deleted)
    }

    async fn revive_asset(&self, found: &TenantAsset) -> Result<TenantAsset, CreateAssetError> {
        let unit = self.store.begin().await?;
        let scope = unit.tenant(found.tenant_id);
        let deleted = scope.locked_asset(found.id).await?.filter(|asset| asset.deleted_at.is_some());
        let mut revived = deleted.ok_or(CreateAssetError::Duplicate)?;
        (revived.deleted_at, revived.updated_at) = (None, self.now());
        scope.update_asset(&revived).await?;
        let revived = revived.into_inner();
        unit.commit().await?;
        Ok(revived)
    }

    async fn take_ledger_number(&self) -> Result<u32, Unavailable> {
        let unit = self.store.begin().await?;
        let number = unit.every_tenant().take_ledger_number().await?;
        unit.commit().await?;
        Ok(number)
    }

    async fn create_asset_accounts(&self, asset: LedgerAsset) -> Result<(), Unavailable> {
        let results = self.ledger.create_accounts(asset.own_accounts()).await?;
        accounts_stand(&results, "the accounts of an asset")
    }
}

/// Succeeds if the accounts exist, created now or before. Any other result is a fault of this program.
pub fn accounts_stand(results: &[CreateAccountResult], what: &'static str) -> Result<(), Unavailable> {
    let stand =
        |result: &CreateAccountResult| matches!(result, CreateAccountResult::Created | CreateAccountResult::Exists);
    if results.iter().all(stand) {
        Ok(())
    } else {
        tracing::error!(?results, what, "the ledger refused accounts");
        Err(Unavailable::Refused { what, error: TransferError::UnknownError })
    }
}
