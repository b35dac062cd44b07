//! The queries, one file per subject.
//! The mutations are in `mutations`.

pub(crate) mod directory;
pub(crate) mod payments;
pub(crate) mod rates;
pub(crate) mod webhooks;

use async_graphql::{Context, MergedObject, Object, Result};

use crate::api::Call;
use crate::types::interfaces::LiquidityError;
use crate::types::tenant::WhoamiResponse;

#[derive(MergedObject, Default)]
#[graphql(name = "Query")]
pub(crate) struct Query(
    WhoamiQuery,
    directory::DirectoryQuery,
    payments::PaymentsQuery,
    webhooks::WebhooksQuery,
    rates::RatesQuery,
);

#[derive(Default)]
pub(crate) struct WhoamiQuery;

#[Object]
impl WhoamiQuery {
    /// The library lists a type only if a field has it. A name with this beginning is itself not listed.
    #[graphql(name = "__liquidityError")]
    async fn liquidity_error(&self) -> Option<LiquidityError> {
        None
    }

    async fn whoami(&self, context: &Context<'_>) -> Result<WhoamiResponse> {
        let caller = Call::of(context)?.caller;
        Ok(WhoamiResponse { id: caller.tenant.to_string(), is_operator: caller.is_operator })
    }
}
