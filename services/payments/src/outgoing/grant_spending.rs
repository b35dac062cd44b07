//! Counting what payments spend under their grants, separately for each asset.
//!
//! The limits are in the model. Everything here happens under the grant's lock, in the transaction that changes the
//! payment.

use clock::Timestamp;
use payments_model::OutgoingPayment;
use payments_model::grant_limits::{Admission, GrantLimits, GrantRefused, PaymentEnd, Spent, actually_spent, admit};
use payments_model::repeating_interval::period_containing;
use payments_store::{Error, GrantSpending, GrantTotal, SpentAssets, Unit};

use crate::service::Payments;
use crate::unavailable::Unavailable;

/// The grant under which an outgoing payment is created.
#[derive(Clone, Debug)]
pub struct PaymentGrant {
    /// Its id, from token introspection.
    pub id: String,
    /// Its limits; without limits nothing is counted.
    pub limits: Option<GrantLimits>,
}

/// Why nothing was reserved.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReserveError {
    #[error(transparent)]
    Refused(#[from] GrantRefused),
    #[error(transparent)]
    Database(#[from] Error),
}

/// Reserves the amounts of `payment`, and returns what was spent before it.
pub(crate) async fn reserve(
    unit: &Unit,
    grant: &PaymentGrant,
    payment: &OutgoingPayment,
    now: Timestamp,
) -> Result<Spent, ReserveError> {
    let Some(limits) = &grant.limits else { return Ok(Spent::default()) };
    let admission = admit(limits, &payment.quote, payment.created_at)?;
    let Admission::Counted { period, payment: reserved, .. } = admission else { return Ok(Spent::default()) };
    let scope = unit.tenant(payment.quote.tenant_id);
    let locked = scope.locked_payment_grant(&grant.id).await?;
    let assets = SpentAssets::of_quote(&payment.quote);
    let before = locked.spent(period, &assets).await?;
    locked.put_spent(period, &assets, admission.reserve(before)?, now).await?;
    if period.is_some() {
        let life = locked.spent(None, &assets).await?;
        let after = life.checked_add(reserved).ok_or(GrantRefused::InsufficientGrant)?;
        locked.put_spent(None, &assets, after, now).await?;
    }
    let spending = GrantSpending { payment: payment.id(), grant_id: grant.id.clone(), period, reserved, actual: None };
    scope.insert_grant_spending(&spending, now).await?;
    Ok(before)
}

/// Replaces the reservation of an ended payment by what it spent. A repetition changes nothing.
pub(crate) async fn settle(
    unit: &Unit,
    payment: &OutgoingPayment,
    end: PaymentEnd,
    now: Timestamp,
) -> Result<(), Error> {
    let Some(grant_id) = &payment.grant_id else { return Ok(()) };
    let scope = unit.tenant(payment.quote.tenant_id);
    let Some(spending) = scope.grant_spending(payment.id()).await? else { return Ok(()) };
    let locked = scope.locked_payment_grant(grant_id).await?;
    let actual = actually_spent(&payment.quote, end);
    if !scope.settle_grant_spending(payment.id(), actual, now).await? {
        return Ok(());
    }
    let assets = SpentAssets::of_quote(&payment.quote);
    let periods = [None, spending.period];
    let distinct = if spending.period.is_some() { &periods[..] } else { &periods[..1] };
    for period in distinct {
        let total = locked.spent(*period, &assets).await?;
        locked.put_spent(*period, &assets, total.corrected(spending.reserved, actual), now).await?;
    }
    Ok(())
}

impl Payments {
    /// What all other payments under the same grant have spent, in the period and the assets of `payment`.
    pub(crate) async fn spent_beside(&self, payment: &OutgoingPayment) -> Result<Spent, Unavailable> {
        let scope = self.store().tenant(payment.quote.tenant_id);
        let (Some(grant), Some(own)) = (&payment.grant_id, scope.grant_spending(payment.id()).await?) else {
            return Ok(Spent::default());
        };
        let total = scope.grant_spent(grant, own.period, &SpentAssets::of_quote(&payment.quote)).await?;
        Ok(total.corrected(own.actual.unwrap_or(own.reserved), Spent::default()))
    }

    /// What was spent under a grant: in the present period if it has an interval, otherwise in all.
    ///
    /// Amounts of different assets are not added. The answer is in the assets of the newest payment under the grant. It
    /// is `None` if nothing was ever counted, or the interval has no present period.
    pub async fn grant_spent(&self, grant_id: &str, interval: Option<&str>) -> Result<Option<GrantTotal>, Unavailable> {
        let period = match interval {
            None => None,
            Some(interval) => match period_containing(interval, self.now()) {
                Ok(Some(period)) => Some(period),
                Ok(None) | Err(_) => return Ok(None),
            },
        };
        let scope = self.store().every_tenant();
        let Some(assets) = scope.newest_grant_assets(grant_id).await? else { return Ok(None) };
        let spent = scope.grant_spent(grant_id, period, &assets).await?;
        Ok(Some(GrantTotal::new(assets, spent)))
    }
}
