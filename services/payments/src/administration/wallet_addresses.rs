//! Wallet addresses: their creation and change.
//! Looking them up is in `wallet_address_lookup`; their URLs are in `wallet_address_url`.

use clock::Timestamp;
use jobs::NewJob;
use outside_text::FieldChange;
use payments_model::tenant::SettingKey;
use payments_model::wallet_address::AdditionalProperty;
use payments_model::{AssetId, TenantId, WalletAddress, WalletAddressId};
use payments_store::Unit;
use web_url::WalletAddressUrl;

use super::assets::from_store;
use super::wallet_address_url::{InvalidWalletAddressUrl, resolve};
use super::{Administration, Caller, ForeignTenant};
use crate::queues::EXPIRY_QUEUE;
use crate::unavailable::Unavailable;

/// A wallet address to be created.
#[derive(Clone, Debug)]
pub struct NewWalletAddress {
    /// The tenant that owns it; `None` means the caller.
    pub tenant: Option<TenantId>,
    /// Its asset.
    pub asset_id: AssetId,
    /// Its URL, or the part of it below the tenant's base URL.
    pub address: String,
    /// A name for people.
    pub public_name: Option<String>,
    /// Properties beyond the standard ones.
    pub additional_properties: Vec<AdditionalProperty>,
}

/// Changes of a wallet address. `None` keeps the present value.
#[derive(Clone, Debug, Default)]
pub struct WalletAddressChange {
    /// The name for people.
    pub public_name: FieldChange<String>,
    /// Whether it accepts payments.
    pub status: Option<WalletAddressStatus>,
    /// The properties. They replace all earlier ones.
    pub additional_properties: Option<Vec<AdditionalProperty>>,
}

/// Whether a wallet address accepts payments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WalletAddressStatus {
    /// It accepts payments.
    Active,
    /// It does not accept payments.
    Inactive,
}

/// Why a wallet address was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateWalletAddressError {
    /// Only the operator may create a wallet address for another tenant.
    #[error(transparent)]
    ForeignTenant(#[from] ForeignTenant),
    /// The tenant has no setting for the base of its wallet addresses.
    #[error("Setting for wallet address has not been found.")]
    NoBaseUrl,
    /// The URL is not allowed.
    #[error(transparent)]
    InvalidUrl(#[from] InvalidWalletAddressUrl),
    /// The tenant does not have this asset.
    #[error("unknown asset")]
    UnknownAsset,
    /// A wallet address with this URL exists.
    #[error("Duplicate wallet address found with the same url")]
    Duplicate,
    /// The database did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a wallet address was not changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateWalletAddressError {
    /// The caller does not have this wallet address.
    #[error("Unknown wallet address")]
    Unknown,
    /// The database did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

from_store!(CreateWalletAddressError, UpdateWalletAddressError);

impl Administration {
    /// Creates a wallet address. Its ledger account is created when money arrives.
    pub async fn create_wallet_address(
        &self,
        caller: Caller,
        new: NewWalletAddress,
    ) -> Result<WalletAddress, CreateWalletAddressError> {
        let tenant = caller.assign(new.tenant)?;
        let base = self.base_url(caller, tenant).await?.ok_or(CreateWalletAddressError::NoBaseUrl)?;
        let address = resolve(&base, &new.address)?;
        self.require_nobodys(&address).await?;

        let asset = self.store.tenant(tenant).asset(new.asset_id).await?;
        let asset = asset.ok_or(CreateWalletAddressError::UnknownAsset)?;

        let now = self.now();
        let created = WalletAddress {
            id: WalletAddressId::random(&*self.entropy),
            tenant_id: tenant,
            address: address.into(),
            public_name: new.public_name,
            asset,
            total_events_amount: 0,
            process_at: None,
            deactivated_at: None,
            created_at: now,
            updated_at: now,
        };

        let unit = self.store.begin().await?;
        let scope = unit.tenant(tenant);
        // A tenant is deleted under the same lock. It gets nothing new afterwards, also not from the operator.
        let owner = scope.locked_tenant(tenant).await?.filter(|owner| owner.deleted_at.is_none());
        owner.ok_or(CreateWalletAddressError::UnknownAsset)?;
        let asset = scope.locked_asset(created.asset.id).await?.filter(|asset| asset.deleted_at.is_none());
        asset.ok_or(CreateWalletAddressError::UnknownAsset)?;
        scope.insert_wallet_address(&created).await.map_err(|error| {
            if error.is_unique_violation() { CreateWalletAddressError::Duplicate } else { error.into() }
        })?;

        let properties = cleaned(new.additional_properties);
        scope.replace_additional_properties(created.id, &properties, &*self.entropy).await?;

        unit.commit().await?;
        Ok(created)
    }

    /// Changes one of the caller's wallet addresses.
    pub async fn update_wallet_address(
        &self,
        caller: Caller,
        id: WalletAddressId,
        change: WalletAddressChange,
    ) -> Result<WalletAddress, UpdateWalletAddressError> {
        let now = self.now();
        let unit = self.store.begin().await?;
        let scope = unit.tenant(caller.tenant);
        let mut changed = scope.locked_wallet_address(id).await?.ok_or(UpdateWalletAddressError::Unknown)?;

        change.public_name.apply(&mut changed.public_name);
        match change.status {
            Some(WalletAddressStatus::Inactive) if changed.is_active(now) => {
                changed.deactivated_at = Some(now);
                self.shorten_payments(&unit, &changed, now).await?;
            }
            Some(WalletAddressStatus::Active) => changed.deactivated_at = None,
            _ => {}
        }

        changed.updated_at = now;
        scope.update_wallet_address(&changed).await?;
        if let Some(properties) = change.additional_properties {
            scope.replace_additional_properties(id, &cleaned(properties), &*self.entropy).await?;
        }

        let changed = changed.into_inner();
        unit.commit().await?;
        Ok(changed)
    }

    /// Payments under way to a deactivated address may still arrive during the grace period. After that they expire.
    async fn shorten_payments(&self, unit: &Unit, address: &WalletAddress, now: Timestamp) -> Result<(), Unavailable> {
        let latest = now + self.settings.deactivation_grace;
        let scope = unit.tenant(address.tenant_id);
        for payment in scope.shorten_incoming_payments(address.id, latest, now).await? {
            jobs::enqueue(unit.transaction(), NewJob::new(EXPIRY_QUEUE, payment, latest))?;
        }
        Ok(())
    }

    /// The base of the tenant's wallet addresses.
    async fn base_url(&self, caller: Caller, tenant: TenantId) -> Result<Option<WalletAddressUrl>, Unavailable> {
        let setting = self.store.tenant(tenant).setting(tenant, SettingKey::WalletAddressUrl).await?;
        Ok(match setting {
            Some(setting) => setting.parse().ok(),
            None if caller.is_operator => self.settings.operator_base().ok(),
            None => None,
        })
    }

    /// Refuses the instance's own URL. Refuses addresses that begin with a tenant's id, because its resources begin so.
    async fn require_nobodys(&self, address: &WalletAddressUrl) -> Result<(), CreateWalletAddressError> {
        let reserved = |name| Err(InvalidWalletAddressUrl::Reserved { name }.into());
        if self.settings.is_own_identity(address) {
            return reserved(address.path().to_owned());
        }
        for name in address.names() {
            let Ok(tenant) = name.parse::<TenantId>() else { continue };
            if self.store.every_tenant().find_tenant(tenant).await?.is_some() {
                return reserved(name);
            }
        }
        Ok(())
    }
}

/// Removes surrounding blanks, and properties without a name or a value.
fn cleaned(properties: Vec<AdditionalProperty>) -> Vec<AdditionalProperty> {
    let trimmed = properties.into_iter().map(|property| AdditionalProperty {
        key: property.key.trim().to_owned(),
        value: property.value.trim().to_owned(),
        ..property
    });
    trimmed.filter(|property| !property.key.is_empty() && !property.value.is_empty()).collect()
}
