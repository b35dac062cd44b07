//! Charges a subscription when a period begins, keeps tokens of rights alive until then, and ends them.
//!
//! The wallet lets the shop have the price once in each period. So a repetition that went wrong could not pay twice.

use std::time::Duration;

use clock::Timestamp;
use gnap::RepeatingInterval;

use crate::Core;
use crate::orders::{Order, Stage, Standing, Transfer, Why};
use crate::periods::{following, next_look};
use crate::rights::Renewal;
use crate::store::Changed;
use crate::till::{BILL_LIVES, Till, TillError};

/// After so long a period that could not begin is tried again.
const PAUSE: Duration = Duration::from_secs(30);

impl Core {
    /// Looks at a period that has not been asked for: it begins now, or its time has not come.
    pub(crate) async fn look_at_period(&self, order: &Order, transfer: &mut Transfer) -> Result<(), TillError> {
        let interval = match &order.standing {
            Standing::Running { interval, .. } => interval,
            Standing::Ending { token } => {
                self.revoke(order, token).await?;
                return Ok(self.store.forget(transfer).await?);
            }
            Standing::None | Standing::Ended | Standing::Lapsed => return Ok(self.store.forget(transfer).await?),
        };
        let now = self.clock.now();
        let begins = transfer.created_at;
        if transfer.attempts == 0 && now < begins {
            return match self.renewed(order).await? {
                Renewal::Token(_) => Ok(self.store.save(transfer, Some(next_look(now, begins))).await.map(drop)?),
                Renewal::Lapsed => self.not_charged(transfer).await,
                Renewal::Busy | Renewal::Ended => Ok(()),
            };
        }
        // The next period is stored before this one can end: a running subscription always has one that waits.
        self.add_following(order, transfer, interval, now).await?;
        if transfer.attempts == 0 {
            // What is asked lives from the first attempt on. Repetitions ask for the same, so the time is stored first.
            transfer.created_at = now;
            transfer.attempts = 1;
            if self.store.save(transfer, Some(now.saturating_add(PAUSE))).await? == Changed::Overtaken {
                return Ok(());
            }
        } else if now > transfer.created_at.saturating_add(BILL_LIVES) {
            transfer.stage = Stage::Failed { why: Why::NotPaid, received: 0 };
            self.store.save(transfer, None).await?;
            return Ok(());
        }

        match self.renewed(order).await? {
            Renewal::Token(token) => self.till.charge(order, transfer, token).await,
            Renewal::Lapsed => self.not_charged(transfer).await,
            Renewal::Busy | Renewal::Ended => Ok(()),
        }
    }

    /// Stores the period that follows, if that was not done. Periods that have passed meanwhile are left out: the customer
    /// has agreed to one payment in each.
    async fn add_following(
        &self,
        order: &Order,
        transfer: &Transfer,
        interval: &str,
        now: Timestamp,
    ) -> Result<(), TillError> {
        let repeating: RepeatingInterval =
            interval.parse().map_err(|_| TillError::Unusable("the period cannot be read".to_owned()))?;
        let Some(window) = repeating.window_at(now) else { return Ok(()) };
        let next = following(order, transfer.period.saturating_add(1), window.end, self.entropy.uuid());
        Ok(self.store.insert_transfer(&next, Some(next_look(now, window.end))).await?)
    }

    /// The wallet does not let the shop have money any more, so a period does not take place.
    async fn not_charged(&self, transfer: &mut Transfer) -> Result<(), TillError> {
        if transfer.attempts == 0 {
            return Ok(self.store.forget(transfer).await?);
        }
        transfer.stage = Stage::Failed { why: Why::NotAllowed, received: 0 };
        Ok(self.store.save(transfer, None).await.map(drop)?)
    }
}

impl Till {
    /// Ends a subscription or a budget. From now on nothing is charged. The wallet is told next, as often as needed.
    pub(crate) async fn end(&self, order: &Order) -> Result<Changed, TillError> {
        let mut order = order.clone();
        loop {
            let Standing::Running { token, .. } = &order.standing else { return Ok(Changed::Overtaken) };
            let ending = Standing::Ending { token: token.clone() };
            if self.store.set_last_standing(&order, &ending, self.clock.now()).await? == Changed::Yes {
                return Ok(Changed::Yes);
            }
            // The token was exchanged meanwhile.
            order = match self.store.order(order.id).await? {
                Some(order) => order,
                None => return Ok(Changed::Overtaken),
            };
        }
    }
}
