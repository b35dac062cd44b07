//! Reads the exchange rates that an instance of ours uses, and what an amount would be at them.
//!
//! Another instance does not tell them. Then there is nothing to show, and no error.

use clock::Timestamp;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::client::{AdminClient, without_nulls};
use crate::operator_documents as d;
use crate::{AdminError, Amount, ErrorCode};

/// The rates of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ExchangeRatesView {
    /// The service that tells them; `None` if none is configured.
    pub source: Option<String>,
    /// One table for each base that was needed.
    pub tables: Vec<RateTableView>,
}

/// What one unit of a base is worth.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RateTableView {
    /// The base.
    pub base: String,
    /// When the service told it.
    pub since: Timestamp,
    /// Until when it is used at most.
    pub until: Timestamp,
    /// The rates.
    pub rates: Vec<RateView>,
}

/// One rate.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RateView {
    /// The other asset.
    pub asset_code: String,
    /// Units of it per unit of the base, an exact decimal.
    pub rate: String,
}

impl AdminClient {
    /// The rates in use; `None` if the instance does not tell them.
    pub async fn exchange_rates(&self, tenant: Option<Uuid>) -> Result<Option<ExchangeRatesView>, AdminError> {
        match self.run(d::EXCHANGE_RATES, without_nulls(json!({"tenantId": tenant})), "/exchangeRates").await {
            Err(AdminError::Refused { .. }) => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// What an amount would be in another asset; `None` if there is no rate.
    pub async fn converted_amount(
        &self,
        [source, destination]: [Uuid; 2],
        amount: u64,
    ) -> Result<Option<Amount>, AdminError> {
        let variables = json!({"source": source, "destination": destination, "amount": amount.to_string()});
        match self.run(d::CONVERTED_AMOUNT, variables, "/convertedAmount").await {
            Err(error) if error.is(&ErrorCode::BadUserInput) => Ok(None),
            answer => answer,
        }
    }
}
