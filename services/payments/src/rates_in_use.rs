//! The exchange rates of a tenant as this process uses them, asking for them now, and what an amount would be at them.
//!
//! No fee is in it, and nothing is promised: a quote does that.

use money::AssetCode;
use payments_model::tenant::SettingKey;
use payments_model::{AssetId, TenantId};
use rates::{ConversionError, NotFetched, TableInUse, convert_source_floor};
use url::Url;

use crate::administration::Caller;
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

/// A question to a source of rates that its asker may put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RatesQuestion {
    /// The service that is asked.
    pub source: Url,
    base: AssetCode,
}

/// Why rates were not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchRatesError {
    /// Neither the tenant nor the instance has a service of rates.
    #[error("no service of exchange rates is set; set EXCHANGE_RATES_URL")]
    NoSource,
    /// The rates come from the operator's service.
    #[error(
        "the exchange rates come from the operator's service, which only the operator may ask; set EXCHANGE_RATES_URL of the tenant to use another one"
    )]
    NotOwn,
    /// No asset of the tenant has this code.
    #[error("the tenant has no asset of this code")]
    UnknownBase,
    /// The service did not answer.
    #[error("the service of exchange rates did not answer: {0}")]
    NoAnswer(String),
    /// The service answered with something that is no table of rates.
    #[error("the answer of the service of exchange rates cannot be used: {0}")]
    BadAnswer(String),
    /// The database did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// The most letters of a reason that are shown. A stranger's server may have written a part of it.
const REASON_MAX: usize = 300;

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

    /// The question about the rates of a tenant for the assets of one code, if the caller may put it. A tenant may ask its
    /// own service, and the operator every service. A code is one of an asset, so the number of questions is bounded.
    pub async fn rates_question(
        &self,
        caller: Caller,
        tenant: TenantId,
        base: &str,
    ) -> Result<RatesQuestion, FetchRatesError> {
        let has_own = self.setting_of(tenant, SettingKey::ExchangeRatesUrl).await?.is_some();
        if !caller.is_operator && (caller.tenant != tenant || !has_own) {
            return Err(FetchRatesError::NotOwn);
        }
        let source = self.rates_url(tenant).await?.ok_or(FetchRatesError::NoSource)?;
        // A tenant that names the operator's service as its own does not get it: whoever calls it is trusted there.
        let is_operators = |own: &Url| own.origin() == source.origin() && own.path() == source.path();
        if !caller.is_operator && self.settings().exchange_rates_url.as_ref().is_some_and(is_operators) {
            return Err(FetchRatesError::NotOwn);
        }
        let facts = self.0.parts.directory.facts().await.map_err(Unavailable::from)?;
        let mut codes =
            facts.tenant(tenant).into_iter().flat_map(|known| known.assets()).map(|asset| &asset.asset.code);
        let base = codes.find(|code| code.as_str() == base).ok_or(FetchRatesError::UnknownBase)?;
        Ok(RatesQuestion { source, base: base.clone() })
    }

    /// Asks the service now. The answer is used from now on, in this process. The caller bounds how often this happens.
    pub async fn fetch_rates(&self, question: &RatesQuestion) -> Result<TableInUse, FetchRatesError> {
        let reason = |error: &dyn std::error::Error| error.to_string().chars().take(REASON_MAX).collect::<String>();
        self.rates().fetch_now(&question.source, &question.base).await.map_err(|error| match error {
            NotFetched::NoAnswer(error) => FetchRatesError::NoAnswer(reason(&error)),
            NotFetched::NoTable(error) => FetchRatesError::BadAnswer(reason(&error)),
        })
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
