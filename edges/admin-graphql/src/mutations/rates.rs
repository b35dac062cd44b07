//! Asking a service of exchange rates now.
//! How rates are fetched and kept is in `rates`; those in use are in `queries::rates`.

use std::time::Duration;

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use payments::FetchRatesError;
use shared_cache::{Limiter, Rate};

use super::webhooks::assigned;
use crate::api::Call;
use crate::errors::{Code, Refusal};
use crate::queries::rates::ExchangeRateTable;
use crate::texts::Name;

/// How often the service of one tenant is asked by hand, in all processes together. The tenant counts, not the URL: so no
/// tenant uses up the questions of another one with the same URL, and another query of the URL is no way around the limit.
const BY_HAND: Rate = Rate { name: "rates by hand", at_most: Some(6), within: Duration::from_mins(1) };

#[derive(InputObject)]
pub(crate) struct FetchExchangeRatesInput {
    /// The code of an asset of the tenant.
    base: Name,
    /// The tenant whose service is asked. Only the operator may name another tenant.
    tenant_id: Option<ID>,
}

#[derive(SimpleObject)]
pub(crate) struct FetchExchangeRatesMutationResponse {
    /// The service that was asked.
    source: String,
    /// How many rates it told.
    count: u32,
    /// What it told.
    table: ExchangeRateTable,
}

impl From<FetchRatesError> for Refusal {
    fn from(error: FetchRatesError) -> Self {
        use FetchRatesError as E;
        let code = match &error {
            E::Unavailable(cause) => return Self::internal(cause),
            E::NoSource => Code::BadUserInput,
            E::NotOwn => Code::Forbidden,
            E::UnknownBase => Code::NotFound,
            E::NoAnswer(_) => Code::Timeout,
            E::BadAnswer(_) => Code::Conflict,
        };
        Self::new(error.to_string(), code)
    }
}

#[derive(Default)]
pub(crate) struct RatesMutation;

#[Object]
impl RatesMutation {
    /// Asks the service of a tenant's exchange rates now, and uses its answer from now on, in the answering process. If the answer cannot be used, the reason is told. For one tenant it is asked so 6 times a minute at most.
    async fn fetch_exchange_rates(
        &self,
        context: &Context<'_>,
        input: FetchExchangeRatesInput,
    ) -> Result<FetchExchangeRatesMutationResponse> {
        let call = Call::of(context)?;
        let tenant = assigned(&call, input.tenant_id.as_ref())?;
        let question = call.payments().rates_question(call.caller, tenant, &input.base).await.map_err(Refusal::from)?;

        let limiter = Limiter::new(call.parts.cache.clone(), call.parts.clock.clone());
        limiter.take(&BY_HAND, &tenant.to_string()).await.map_err(|too_many| {
            let seconds = too_many.retry_after.as_secs() + 1;
            let told = format!("this service was asked 6 times in this minute; ask again in {seconds} s");
            Refusal::new(told, Code::Conflict)
        })?;

        let told = call.payments().fetch_rates(&question).await.map_err(Refusal::from)?;
        let count = u32::try_from(told.table.all().len()).unwrap_or(u32::MAX);
        Ok(FetchExchangeRatesMutationResponse {
            source: question.source.to_string(),
            count,
            table: ExchangeRateTable::from(&told),
        })
    }
}
