//! Amounts.
//! The number in it is a scalar; see `scalars`.

use async_graphql::{InputObject, SimpleObject};
use money::{Asset, AssetAmount};
use serde::Serialize;

use crate::errors::{Code, Refusal};
use crate::scalars::{UInt8, UInt64};

#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct Amount {
    value: UInt64,
    asset_code: String,
    asset_scale: UInt8,
}

impl Amount {
    pub(crate) fn new(value: u64, asset: &Asset) -> Self {
        Self { value: UInt64(value), asset_code: asset.code.to_string(), asset_scale: UInt8(asset.scale) }
    }
}

impl From<&AssetAmount> for Amount {
    fn from(amount: &AssetAmount) -> Self {
        Self::new(amount.value, &amount.asset)
    }
}

#[derive(Clone, Debug, InputObject, Serialize)]
pub(crate) struct AmountInput {
    value: UInt64,
    asset_code: String,
    asset_scale: UInt8,
}

impl AmountInput {
    /// The amount meant; a code no asset can have is an amount of nothing known.
    pub(crate) fn read(self) -> Result<AssetAmount, Refusal> {
        let asset = Asset::new(&self.asset_code, self.asset_scale.0);
        let asset = asset.map_err(|_| Refusal::new("invalid amount", Code::BadUserInput))?;
        Ok(AssetAmount { value: self.value.0, asset })
    }
}
