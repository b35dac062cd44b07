//! Which fee for sending was in force when a payment was quoted. The instance keeps all fees that were ever set.
//!
//! What a payment costs is computed in `fees`.

use std::time::Duration;

use admin_client::{AdminClient, AdminError, FeeView, PageRequest};
use clock::Timestamp;
use money::Asset;

use crate::event::OutgoingPaymentData;
use crate::fees::FeeRule;

/// A payment is made within this time after its quote.
const QUOTES_LIVE_AT_MOST: Duration = Duration::from_hours(24);
/// The newest fees that are looked at.
const FEES_MAX: u32 = 100;

/// The fees of the instance. It is cheap to clone.
#[derive(Clone)]
pub(crate) struct Fees(AdminClient);

impl Fees {
    pub(crate) fn new(admin: AdminClient) -> Self {
        Self(admin)
    }

    /// The fee in force at `at`.
    pub(crate) async fn at(&self, asset: &Asset, at: Timestamp) -> Result<FeeRule, AdminError> {
        Ok(in_force(&self.of(asset).await?, at))
    }

    /// The fee that a payment was quoted with. The payment has the id of its quote.
    pub(crate) async fn of_payment(
        &self,
        asset: &Asset,
        payment: &OutgoingPaymentData,
        now: Timestamp,
    ) -> Result<FeeRule, AdminError> {
        let fees = self.of(asset).await?;
        let Some(newest) = fees.first() else { return Ok(FeeRule::NONE) };
        let made = payment.created_at.unwrap_or(now);
        if newest.created_at <= made.saturating_sub(QUOTES_LIVE_AT_MOST) {
            return Ok(in_force(&fees, made));
        }
        // The fee was changed lately, perhaps after the quote.
        let quote = self.0.quote_view(payment.id).await?;
        Ok(in_force(&fees, quote.map_or(made, |quote| quote.created_at)))
    }

    /// The newest first.
    async fn of(&self, asset: &Asset) -> Result<Vec<FeeView>, AdminError> {
        let record = self.0.asset_by_code_and_scale(asset.code.as_str(), asset.scale).await?;
        let Some(record) = record else { return Ok(Vec::new()) };
        let page = PageRequest { first: Some(FEES_MAX), ..PageRequest::default() };
        let fees = self.0.fees_page(record.id, &page).await?.map(|fees| fees.nodes).unwrap_or_default();
        Ok(fees.into_iter().filter(|fee| fee.kind == "SENDING").collect())
    }
}

fn in_force(fees: &[FeeView], at: Timestamp) -> FeeRule {
    let found = fees.iter().find(|fee| fee.created_at <= at);
    found.map_or(FeeRule::NONE, |found| FeeRule { fixed: found.fee.fixed, basis_points: found.fee.basis_points })
}
