//! Fees of assets: setting a new one.
//! Their calculation is in the model.

use std::time::Duration;

use payments_model::fee::LARGEST_BASIS_POINTS;
use payments_model::quote::{FeeTerms, LARGEST_AMOUNT};
use payments_model::{AssetId, Fee, FeeKind, Origin};

use super::assets::from_store;
use super::{Administration, Caller};
use crate::made_before::Made;
use crate::unavailable::Unavailable;

/// The id of the fee is derived from this name and the request.
const STEP: &str = "fee";

/// Why a fee was not set.
#[derive(Debug, thiserror::Error)]
pub enum SetFeeError {
    /// The share is above 100 %.
    #[error("Basis point fee must be between 0 and 10000")]
    BasisPoints,
    /// The fixed part is too large to store.
    #[error("Fixed fee must be between 0 and {LARGEST_AMOUNT}")]
    FixedTooLarge,
    /// The caller does not have this asset.
    #[error("Unknown asset")]
    UnknownAsset,
    /// The database did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

from_store!(SetFeeError);

impl Administration {
    /// Sets a fee. Existing quotes keep the fee they were made with.
    pub async fn set_fee(
        &self,
        caller: Caller,
        asset: AssetId,
        kind: FeeKind,
        fixed: u64,
        basis_points: i64,
    ) -> Result<Fee, SetFeeError> {
        self.set_fee_once(caller, asset, kind, fixed, basis_points, Origin::Alone).await
    }

    /// As [`Administration::set_fee`], for a request that may be repeated. A repetition changes nothing and gets the
    /// fee of the first request.
    pub async fn set_fee_once(
        &self,
        caller: Caller,
        asset: AssetId,
        kind: FeeKind,
        fixed: u64,
        basis_points: i64,
        origin: Origin,
    ) -> Result<Fee, SetFeeError> {
        let basis_points = u16::try_from(basis_points).ok().filter(|points| *points <= LARGEST_BASIS_POINTS);
        let basis_points = basis_points.ok_or(SetFeeError::BasisPoints)?;
        if fixed > LARGEST_AMOUNT {
            return Err(SetFeeError::FixedTooLarge);
        }

        let asset = self.store.tenant(caller.tenant).asset(asset).await?.ok_or(SetFeeError::UnknownAsset)?;

        let unit = self.store.begin().await?;
        let scope = unit.tenant(asset.tenant_id);
        scope.locked_asset(asset.id).await?.ok_or(SetFeeError::UnknownAsset)?;

        let made = match origin.known_id(STEP) {
            Some(id) => scope.fee(id.into()).await?,
            None => None,
        };
        let origin = match Made::of(made, origin, |fee| fee.created_at) {
            Made::Before(fee) => return Ok(fee),
            Made::NotYet(origin) => origin,
        };

        // The newest fee applies, so no two fees may have the same time.
        let after = scope.newest_fee(asset.id, kind).await?.map(|newest| newest.created_at + Duration::from_millis(1));
        let fee = Fee {
            id: origin.id(STEP, &*self.entropy).into(),
            asset_id: asset.id,
            kind,
            terms: FeeTerms { basis_points, fixed },
            created_at: after.map_or(self.now(), |after| after.max(self.now())),
        };

        scope.insert_fee(&fee).await?;
        unit.commit().await?;
        Ok(fee)
    }
}
