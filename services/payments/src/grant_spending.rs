//! Counting what payments spend of the grants they are made under (payments section 7.6).
//!
//! Not the limits themselves: those are in the model. Everything here happens under the grant's lock, in the
//! transaction of the payment's own change.

use clock::Timestamp;
use payments_model::grant_limits::{Admission, GrantLimits, GrantRefused, Spent, actually_spent, admit};
use payments_model::repeating_interval::{Period, period_containing};
use payments_model::{OutgoingPayment, Quote};
use payments_store::{Error, GrantSpending, GrantTotal, Unit};

use crate::{Payments, Unavailable};

/// The grant an outgoing payment is made under.
#[derive(Clone, Debug)]
pub struct PaymentGrant {
    /// Its id, as introspection named it.
    pub id: String,
    /// Its limits; without any nothing is counted.
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

/// Reserves what `payment` may spend; gives what was spent before it.
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
    scope.lock_payment_grant(&grant.id).await?;
    let before = total(unit, grant, &payment.quote, period).await?;
    let after = admission.reserve(before.spent())?;
    scope.put_grant_total(&grant.id, period, &with(&before, after), now).await?;
    if period.is_some() {
        let life = total(unit, grant, &payment.quote, None).await?;
        let after = life.spent().checked_add(reserved).ok_or(GrantRefused::InsufficientGrant)?;
        scope.put_grant_total(&grant.id, None, &with(&life, after), now).await?;
    }
    let spending = GrantSpending { payment: payment.id(), grant_id: grant.id.clone(), period, reserved, actual: None };
    scope.insert_grant_spending(&spending, now).await?;
    Ok(before.spent())
}

async fn total(
    unit: &Unit,
    grant: &PaymentGrant,
    quote: &Quote,
    period: Option<Period>,
) -> Result<GrantTotal, ReserveError> {
    let known = unit.tenant(quote.tenant_id).grant_total(&grant.id, period).await?;
    Ok(known.unwrap_or_else(|| {
        let zero = |asset: &money::Asset| money::AssetAmount { value: 0, asset: asset.clone() };
        GrantTotal { debit: zero(&quote.asset.asset), receive: zero(&quote.receive_amount.asset) }
    }))
}

fn with(total: &GrantTotal, spent: Spent) -> GrantTotal {
    let mut total = total.clone();
    (total.debit.value, total.receive.value) = (spent.debit, spent.receive);
    total
}

/// Replaces what an ended payment had reserved by what it really spent. Repeating it changes nothing.
pub(crate) async fn settle(
    unit: &Unit,
    payment: &OutgoingPayment,
    completed: bool,
    sent: u64,
    delivered: u64,
    now: Timestamp,
) -> Result<(), Error> {
    let Some(grant_id) = &payment.grant_id else { return Ok(()) };
    let scope = unit.tenant(payment.quote.tenant_id);
    let Some(spending) = scope.grant_spending(payment.id()).await? else { return Ok(()) };
    if spending.actual.is_some() {
        return Ok(());
    }
    scope.lock_payment_grant(grant_id).await?;
    let actual = actually_spent(&payment.quote, completed, sent, delivered);
    let periods = [None, spending.period];
    let distinct = if spending.period.is_some() { &periods[..] } else { &periods[..1] };
    for period in distinct {
        if let Some(total) = scope.grant_total(grant_id, *period).await? {
            let after = total.spent().corrected(spending.reserved, actual);
            scope.put_grant_total(grant_id, *period, &with(&total, after), now).await?;
        }
    }
    scope.settle_grant_spending(payment.id(), actual, now).await
}

impl Payments {
    /// What was spent of a grant: in its present period if it has an interval, otherwise in its life.
    ///
    /// `None` if nothing was ever counted, or the interval has no present period. A period without payments is zero
    /// in the assets of the grant's payments.
    pub async fn grant_spent(&self, grant_id: &str, interval: Option<&str>) -> Result<Option<GrantTotal>, Unavailable> {
        let period = match interval {
            None => None,
            Some(interval) => match period_containing(interval, self.now()) {
                Ok(Some(period)) => Some(period),
                Ok(None) | Err(_) => return Ok(None),
            },
        };
        let scope = self.store().every_tenant();
        if period.is_some()
            && let Some(total) = scope.grant_total(grant_id, period).await?
        {
            return Ok(Some(total));
        }
        let life = scope.grant_total(grant_id, None).await?;
        Ok(life.map(|life| if period.is_some() { with(&life, Spent::default()) } else { life }))
    }
}
