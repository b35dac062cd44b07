//! Budgets: what a customer lets the shop have each month without being asked, and the payments from it.
//!
//! The customer's wallet decides about each payment. What is counted here saves only requests that it would refuse.

use clock::Timestamp;
use gnap::RepeatingInterval;
use uuid::Uuid;

use crate::Core;
use crate::catalogue::{Product, Terms, in_smallest_units};
use crate::orders::{Means, Order, Stage, Standing, Transfer, Why};
use crate::rights::Renewal;
use crate::till::{BILL_LIVES, TillError};

/// The budgets that a customer may choose from, in whole units of the currency of the shop.
pub(crate) const OFFERED: [u64; 3] = [150, 300, 600];

/// A budget that can be used.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    /// The order that opened it.
    pub(crate) opener: Order,
    /// What the shop may have each month.
    pub(crate) limit: u64,
    /// What is left in this month.
    pub(crate) left: u64,
    /// When the next month begins.
    pub(crate) until: Timestamp,
}

impl Budget {
    /// Whether a price is within what is left. Subscriptions have an agreement of their own.
    pub(crate) fn covers(&self, product: &Product, price: u64) -> bool {
        product.terms == Terms::Once && price <= self.left
    }
}

/// The limit that was chosen in a form.
pub(crate) fn offered(written: &str, scale: u8) -> Option<u64> {
    let units = written.parse().ok().filter(|units| OFFERED.contains(units))?;
    in_smallest_units(units, scale)
}

/// What a payment takes from its budget, as the wallet counts: from its beginning on, and nothing if nothing arrived.
fn taken(transfer: &Transfer) -> u64 {
    match transfer.stage {
        Stage::Refused | Stage::Failed { received: 0, .. } => 0,
        _ => transfer.value,
    }
}

impl Core {
    /// The budget that an order has opened, if it can be used.
    pub(crate) async fn budget(&self, opener: Order) -> Result<Option<Budget>, database::Error> {
        let (Means::Opens { limit }, Standing::Running { interval, .. }) = (opener.means, &opener.standing) else {
            return Ok(None);
        };
        let interval: Option<RepeatingInterval> = interval.parse().ok();
        let Some(month) = interval.and_then(|interval| interval.window_at(self.clock.now())) else { return Ok(None) };
        let payments = self.store.payments_from(opener.id, month.start).await?;
        let left = limit.saturating_sub(payments.iter().map(taken).fold(0, u64::saturating_add));
        Ok(Some(Budget { opener, limit, left, until: month.end }))
    }

    /// The budget of a browser: the newest that can be used.
    pub(crate) async fn budget_of(&self, visitor: Uuid) -> Result<Option<Budget>, database::Error> {
        for opener in self.store.openers(visitor).await? {
            if let Some(budget) = self.budget(opener).await? {
                return Ok(Some(budget));
            }
        }
        Ok(None)
    }

    /// Begins the payment of an order from its budget. The wallet is not asked for consent, because it was given.
    pub(crate) async fn take(&self, order: &Order, transfer: &mut Transfer) -> Result<(), TillError> {
        if self.clock.now() > transfer.created_at.saturating_add(BILL_LIVES) {
            return self.not_taken(transfer, Why::NotPaid).await;
        }
        let opener = match order.means {
            Means::From(opener) => self.store.order(opener).await?,
            Means::Asked | Means::Opens { .. } => None,
        };
        let renewal = match opener {
            Some(opener) => self.usable_token(&opener).await?,
            None => Renewal::Ended,
        };
        let token = match renewal {
            Renewal::Token(token) => token,
            Renewal::Busy => return self.till.again(transfer).await.map(drop),
            Renewal::Ended | Renewal::Lapsed => return self.not_taken(transfer, Why::NotFromBudget).await,
        };
        match self.till.charge(order, transfer, token).await {
            Err(error) if !error.is_transient() => {
                tracing::info!(order = %order.id, %error, "a payment from a budget could not be begun");
                self.not_taken(transfer, Why::NotPaid).await
            }
            charged => charged,
        }
    }

    /// Nothing was paid, because nothing was asked of the payer's wallet.
    async fn not_taken(&self, transfer: &mut Transfer, why: Why) -> Result<(), TillError> {
        transfer.stage = Stage::Failed { why, received: 0 };
        Ok(self.store.save(transfer, None).await.map(drop)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_budget_that_is_offered_can_be_chosen() {
        assert_eq!((offered("150", 2), offered("300", 0)), (Some(15_000), Some(300)));
        for other in ["", "151", "-150", "150.00", "18446744073709551616"] {
            assert_eq!(offered(other, 2), None, "{other}");
        }
        assert_eq!(offered("150", 40), None);
        let most = crate::catalogue::PRODUCTS.iter().filter_map(|product| product.price(0)).max();
        assert!(most < Some(OFFERED[0]), "the first order fits into every budget");
    }
}
