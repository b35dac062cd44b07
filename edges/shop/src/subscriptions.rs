//! Charges a subscription when a period begins, keeps its token alive until then, and ends it.
//!
//! The wallet lets the shop have the price once in each period. So a repetition that went wrong could not pay twice.

use std::time::Duration;

use gnap::RepeatingInterval;

use crate::Core;
use crate::orders::{Order, Stage, Standing, Token, Transfer, Why, next_look};
use crate::store::Changed;
use crate::till::{BILL_LIVES, TillError, following, token_of};

/// After so long a period that could not begin is tried again.
const PAUSE: Duration = Duration::from_secs(30);
impl Core {
    /// Looks at a period that has not been asked for: it begins now, or its time has not come.
    pub(crate) async fn look_at_period(&self, order: &Order, transfer: &mut Transfer) -> Result<(), TillError> {
        let Standing::Running { token, interval } = &order.standing else {
            self.store.forget(transfer).await?;
            return Ok(());
        };
        let now = self.clock.now();
        if transfer.attempts == 0 {
            let begins = transfer.created_at;
            if now < begins {
                return match self.renewed(order, token, interval).await? {
                    Some(_) => Ok(self.store.save(transfer, Some(next_look(now, begins))).await.map(drop)?),
                    None => self.lapse(order, transfer).await,
                };
            }
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

        // Periods that have passed meanwhile are not charged: the customer has agreed to one payment in each.
        let repeating: RepeatingInterval =
            interval.parse().map_err(|_| TillError::Unusable("the period cannot be read".to_owned()))?;
        if let Some(window) = repeating.window_at(now) {
            let next = following(order, transfer.period + 1, window.end, self.entropy.uuid());
            self.store.insert_transfer(&next, Some(next_look(now, window.end))).await?;
        }
        let Some(token) = self.renewed(order, token, interval).await? else {
            return self.lapse(order, transfer).await;
        };
        transfer.stage = self.till.charge(order, transfer, token).await?;
        transfer.attempts = 0;
        self.store.save(transfer, Some(now)).await?;
        Ok(())
    }

    /// The wallet does not let the shop have money any more.
    async fn lapse(&self, order: &Order, transfer: &mut Transfer) -> Result<(), TillError> {
        self.store.set_standing(order.id, &Standing::Lapsed).await?;
        if transfer.attempts == 0 {
            self.store.forget(transfer).await?;
            return Ok(());
        }
        transfer.stage = Stage::Failed { why: Why::NotAllowed, received: 0 };
        self.store.save(transfer, None).await?;
        Ok(())
    }

    /// Exchanges the token. `None` if the wallet does not know it any more.
    async fn renewed(&self, order: &Order, token: &Token, interval: &str) -> Result<Option<Token>, TillError> {
        match self.till.client().rotate_token(&token.manage, &token.value).await {
            Ok(issued) => {
                let token = token_of(&issued);
                let standing = Standing::Running { token: token.clone(), interval: interval.to_owned() };
                self.store.set_standing(order.id, &standing).await?;
                Ok(Some(token))
            }
            Err(error) if error.is_transient() => Err(error.into()),
            Err(error) => {
                tracing::info!(order = %order.id, %error, "a subscription has lapsed");
                Ok(None)
            }
        }
    }

    /// The customer ends the subscription: the wallet takes the permission back, and no period begins.
    pub(crate) async fn end(&self, order: &Order) -> Result<Changed, TillError> {
        let Standing::Running { token, .. } = &order.standing else { return Ok(Changed::Overtaken) };
        match self.till.client().revoke_token(&token.manage, &token.value).await {
            Err(error) if error.is_transient() => return Err(error.into()),
            // A token that is not known cannot be used, either.
            Ok(()) | Err(_) => {}
        }
        self.store.set_standing(order.id, &Standing::Ended).await?;
        Ok(Changed::Yes)
    }
}
