//! The exchange rates in use, and what an amount would be at them.
//! How rates are fetched and kept is in `rates`.

use async_graphql::{Context, Object, Result, SimpleObject};
use payments::{ConvertAmountError, RatesInUse, TableInUse};

use crate::api::Call;
use crate::errors::{Code, Refusal, nullable};
use crate::scalars::UInt64;
use crate::types::amount::Amount;

#[derive(SimpleObject)]
pub(crate) struct ExchangeRates {
    source: Option<String>,
    tables: Vec<ExchangeRateTable>,
}

#[derive(SimpleObject)]
pub(crate) struct ExchangeRateTable {
    base: String,
    since: String,
    until: String,
    rates: Vec<ExchangeRate>,
}

#[derive(SimpleObject)]
pub(crate) struct ExchangeRate {
    asset_code: String,
    rate: String,
}

impl From<RatesInUse> for ExchangeRates {
    fn from(RatesInUse { source, tables }: RatesInUse) -> Self {
        Self { tables: tables.iter().map(Into::into).collect(), source: source.map(|url| url.to_string()) }
    }
}

impl From<&TableInUse> for ExchangeRateTable {
    fn from(known: &TableInUse) -> Self {
        let rates =
            |(code, rate): (&str, money::Rate)| ExchangeRate { asset_code: code.to_owned(), rate: rate.to_string() };
        Self {
            base: known.base.to_string(),
            since: known.since.to_string(),
            until: known.until.to_string(),
            rates: known.table.all().into_iter().map(rates).collect(),
        }
    }
}

impl From<ConvertAmountError> for Refusal {
    fn from(error: ConvertAmountError) -> Self {
        use ConvertAmountError as E;
        let code = match &error {
            E::Unavailable(cause) => return Self::internal(cause),
            E::UnknownAsset => Code::NotFound,
            E::NoRate => Code::BadUserInput,
            E::NoAnswer => Code::Timeout,
        };
        Self::new(error.to_string(), code)
    }
}

#[derive(Default)]
pub(crate) struct RatesQuery;

#[Object]
impl RatesQuery {
    /// The exchange rates of a tenant that the answering process has in memory.
    async fn exchange_rates(&self, context: &Context<'_>, tenant_id: Option<String>) -> Result<ExchangeRates> {
        let call = Call::of(context)?;
        let tenant = call.list(tenant_id.as_deref()).tenant_id().unwrap_or(call.caller.tenant);
        Ok(call.payments().rates_in_use(tenant).await.map_err(Refusal::from)?.into())
    }

    /// What an amount of one asset would be in another at the present rates.
    async fn converted_amount(
        &self,
        context: &Context<'_>,
        source_asset_id: String,
        destination_asset_id: String,
        amount: UInt64,
    ) -> Option<Result<Amount>> {
        nullable(async {
            let call = Call::of(context)?;
            let id = |text: &str| text.parse().map_err(|_| Refusal::from(ConvertAmountError::UnknownAsset));
            let assets = [id(&source_asset_id)?, id(&destination_asset_id)?];
            // The operator may ask about the assets of every tenant.
            let owner = call.reach().asset(assets[0]).await.map_err(Refusal::from)?.map(|asset| asset.tenant_id);
            let owner = owner.ok_or(ConvertAmountError::UnknownAsset).map_err(Refusal::from)?;
            let converted = call.payments().convert_amount(owner, assets, amount.0).await;
            let (value, asset) = converted.map_err(Refusal::from)?;
            Ok(Some(Amount::new(value, &asset)))
        })
        .await
    }
}
