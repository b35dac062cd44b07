//! The exchange rates of a tenant as this process uses them, and what an amount would be at them.
//!
//! No fee is in it, and nothing is promised: a quote does that.

use payments_model::{AssetId, TenantId};
use rates::{ConversionError, TableInUse, convert_source_floor};
use url::Url;

use crate::service::Payments;
use crate::unavailable::Unavailable;

/// The rates of a tenant.
#[derive(Clone, Debug)]
pub struct RatesInUse {
    /// The service that tells them; `None` if none is configured.
    pub source: Option<Url>,
    /// The tables in memory. There is one for each base that was needed.
    pub tables: Vec<TableInUse>,
}

/// Why an amount was not converted.
#[derive(Debug, thiserror::Error)]
pub enum ConvertAmountError {
    /// The caller does not have one of the assets.
    #[error("unknown asset")]
    UnknownAsset,
    /// The amount is too large in the other asset, or there is no rate.
    #[error("there is no rate between these assets, or the amount is too large in the other one")]
    NoRate,
    /// The service of rates does not answer.
    #[error("the service of exchange rates does not answer")]
    NoAnswer,
    /// The database did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl Payments {
    /// The rates of a tenant that this process has in memory.
    pub async fn rates_in_use(&self, tenant: TenantId) -> Result<RatesInUse, Unavailable> {
        let source = self.rates_url(tenant).await?;
        let tables = source.as_ref().map(|url| self.rates().in_use(url)).unwrap_or_default();
        Ok(RatesInUse { source, tables })
    }

    /// What `amount` of one asset of a tenant would be in another, rounded down, as a packet between them is converted.
    pub async fn convert_amount(
        &self,
        tenant: TenantId,
        [source, destination]: [AssetId; 2],
        amount: u64,
    ) -> Result<(u64, money::Asset), ConvertAmountError> {
        let reach = self.store().tenant(tenant);
        let found = |asset: Option<payments_model::TenantAsset>| asset.ok_or(ConvertAmountError::UnknownAsset);
        let source = found(reach.asset(source).await.map_err(Unavailable::from)?)?.asset;
        let destination = found(reach.asset(destination).await.map_err(Unavailable::from)?)?.asset;
        let url = self.rates_url(tenant).await?;
        let conversion = self.rates().conversion(url.as_ref(), &source, &destination).await;
        let conversion = conversion.map_err(|error| match error {
            ConversionError::CouldNotFetchRates => ConvertAmountError::NoAnswer,
            _ => ConvertAmountError::NoRate,
        })?;
        let there = convert_source_floor(amount, conversion).ok_or(ConvertAmountError::NoRate)?;
        Ok((there, destination))
    }
}
