//! The amount in the asset of the next account.
//!
//! Rounds down. The remainder stays in the source's liquidity. The limits of a peer are in `limits`.

use ilp_packet::ErrorCode;
use rates::{ConversionError, Rates, convert_source_floor};
use url::Url;

use crate::accounts::AccountAsset;
use crate::refusal::Refusal;

/// The value of `amount` of `source` in `destination`. Zero stays zero and needs no rate.
pub(crate) async fn convert(
    rates: &Rates,
    url: Option<&Url>,
    source: &AccountAsset,
    destination: &AccountAsset,
    amount: u64,
) -> Result<u64, Refusal> {
    if amount == 0 {
        return Ok(0);
    }
    let conversion = rates.conversion(url, &source.asset, &destination.asset).await.map_err(|error| match error {
        ConversionError::InvalidDestinationPrice => {
            Refusal::new(ErrorCode::F07CannotReceive, "Exchange rate error: InvalidDestinationPrice")
        }
        // The code that fetches rates has logged the cause. The error is temporary, so that the sender tries again.
        ConversionError::CouldNotFetchRates | ConversionError::MissingExchangeRatesUrl => Refusal::internal(),
    })?;
    // Packets carry 64 bits, so one packet carries less of a much smaller unit. The Reject states the limit.
    convert_source_floor(amount, conversion)
        .ok_or_else(|| Refusal::too_large(amount, conversion.ratio().mul_floor_amount_max()))
}
