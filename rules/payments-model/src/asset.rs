//! An asset of a tenant: its unit, its ledger, and the thresholds of its events.
//!
//! It does not hold its balance: that is in the ledger.

use clock::Timestamp;

use crate::accounting::LedgerAsset;
use crate::{AssetId, TenantId};

/// An asset of a tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct TenantAsset {
    /// Its id, which is also the id of its liquidity account.
    pub id: AssetId,
    /// The tenant that it belongs to.
    pub tenant_id: TenantId,
    /// Its ledger number, unique in the instance.
    pub ledger: u32,
    /// Its code and scale, unique in the tenant.
    pub asset: money::Asset,
    /// Web-monetization money is announced from this amount on; `None` means never.
    pub withdrawal_threshold: Option<u64>,
    /// An event reports when its liquidity falls to this amount; `None` means never.
    pub liquidity_threshold: Option<u64>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was deleted. It can be restored.
    pub deleted_at: Option<Timestamp>,
}

impl TenantAsset {
    /// The asset as the ledger knows it.
    pub fn in_ledger(&self) -> LedgerAsset {
        LedgerAsset { id: self.id, ledger: self.ledger }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use uuid::Uuid;

    /// A sample for the tests of this crate.
    pub(crate) fn usd() -> TenantAsset {
        TenantAsset {
            id: Uuid::from_u128(4).into(),
            tenant_id: Uuid::from_u128(2).into(),
            ledger: 1,
            asset: money::Asset::new("USD", 2).unwrap(),
            withdrawal_threshold: None,
            liquidity_threshold: None,
            created_at: Timestamp::EPOCH,
            updated_at: Timestamp::EPOCH,
            deleted_at: None,
        }
    }
}
