//! Which fee for sending was in force when a payment was quoted. The instance keeps all fees that were ever set.
//!
//! What a payment costs is computed in `fees`.

use std::time::Duration;

use admin_client::{AdminClient, AdminError, FeeView, PageRequest};
use clock::Timestamp;
use money::Asset;
use uuid::Uuid;

use crate::event::OutgoingPaymentData;
use crate::fees::FeeRule;

/// A payment is made within this time after its quote.
const QUOTES_LIVE_AT_MOST: Duration = Duration::from_hours(24);
/// How many fees the instance is asked for at once.
const AT_ONCE: u32 = 100;

/// The fees of the instance. It is cheap to clone.
#[derive(Clone)]
pub(crate) struct Fees(AdminClient);

impl Fees {
    pub(crate) fn new(admin: AdminClient) -> Self {
        Self(admin)
    }

    /// The fee in force at `at`.
    pub(crate) async fn at(&self, asset: &Asset, at: Timestamp) -> Result<FeeRule, AdminError> {
        let fee = match self.id_of(asset).await? {
            Some(asset) => self.newest(asset, |fee| fee.created_at <= at).await?,
            None => None,
        };
        Ok(rule(fee.as_ref()))
    }

    /// The fee that a payment was quoted with. The payment has the id of its quote.
    pub(crate) async fn of_payment(
        &self,
        asset: &Asset,
        payment: &OutgoingPaymentData,
        now: Timestamp,
    ) -> Result<FeeRule, AdminError> {
        let Some(asset) = self.id_of(asset).await? else { return Ok(FeeRule::NONE) };
        let Some(newest) = self.newest(asset, |_| true).await? else { return Ok(FeeRule::NONE) };
        let made = payment.created_at.unwrap_or(now);
        if newest.created_at <= made.saturating_sub(QUOTES_LIVE_AT_MOST) {
            return Ok(rule(Some(&newest)));
        }
        // The fee was changed lately, perhaps after the quote.
        let quote = self.0.quote_view(payment.id).await?;
        let at = quote.map_or(made, |quote| quote.created_at);
        Ok(rule(self.newest(asset, |fee| fee.created_at <= at).await?.as_ref()))
    }

    async fn id_of(&self, asset: &Asset) -> Result<Option<Uuid>, AdminError> {
        let record = self.0.asset_by_code_and_scale(asset.code.as_str(), asset.scale).await?;
        Ok(record.map(|record| record.id))
    }

    /// The newest fee for sending that is wanted. Fees for receiving are in the same list, so it may be on any page.
    async fn newest(&self, asset: Uuid, is_wanted: impl Fn(&FeeView) -> bool) -> Result<Option<FeeView>, AdminError> {
        let mut page = PageRequest { first: Some(AT_ONCE), ..PageRequest::default() };
        loop {
            let Some(listed) = self.0.fees_page(asset, &page).await? else { return Ok(None) };
            let is_last = !listed.page_info.has_next_page || listed.nodes.is_empty();
            let found = listed.nodes.into_iter().find(|fee| fee.kind == "SENDING" && is_wanted(fee));
            if found.is_some() || is_last || listed.page_info.end_cursor.is_none() {
                return Ok(found);
            }
            page.after = listed.page_info.end_cursor;
        }
    }
}

fn rule(fee: Option<&FeeView>) -> FeeRule {
    fee.map_or(FeeRule::NONE, |found| FeeRule { fixed: found.fee.fixed, basis_points: found.fee.basis_points })
}
