//! Charges a subscription when a period begins, keeps its token alive until then, and ends it.
//!
//! The wallet lets the shop have the price once in each period. So a repetition that went wrong could not pay twice.

use std::time::Duration;

use clock::Timestamp;
use gnap::RepeatingInterval;

use crate::Core;
use crate::orders::{Order, Stage, Standing, Token, Transfer, Why};
use crate::periods::{following, next_look};
use crate::steps::token_of;
use crate::store::Changed;
use crate::till::{BILL_LIVES, Till, TillError};

/// After so long a period that could not begin is tried again.
const PAUSE: Duration = Duration::from_secs(30);

/// What became of a token that was to be exchanged.
enum Renewal {
    /// There is a new one, and it is stored.
    Token(Token),
    /// The wallet does not know the old one any more.
    Unknown,
    /// The customer has ended the subscription meanwhile.
    Ended,
}

impl Core {
    /// Looks at a period that has not been asked for: it begins now, or its time has not come.
    pub(crate) async fn look_at_period(&self, order: &Order, transfer: &mut Transfer) -> Result<(), TillError> {
        let (token, interval) = match &order.standing {
            Standing::Running { token, interval } => (token, interval),
            Standing::Ending { token } => {
                self.revoke(order, token).await?;
                return Ok(self.store.forget(transfer).await?);
            }
            Standing::None | Standing::Ended | Standing::Lapsed => return Ok(self.store.forget(transfer).await?),
        };
        let now = self.clock.now();
        let begins = transfer.created_at;
        if transfer.attempts == 0 && now < begins {
            return match self.renewed(order, token, interval).await? {
                Renewal::Token(_) => Ok(self.store.save(transfer, Some(next_look(now, begins))).await.map(drop)?),
                Renewal::Unknown => self.lapse(order, transfer).await,
                Renewal::Ended => Ok(()),
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

        let token = match self.renewed(order, token, interval).await? {
            Renewal::Token(token) => token,
            Renewal::Unknown => return self.lapse(order, transfer).await,
            Renewal::Ended => return Ok(()),
        };
        let (payer, payee) = self.till.parties(order, transfer.purpose).await?;
        let bill = self.till.bill(order, transfer, &payer, &payee).await?;
        transfer.stage = Stage::Agreed { bill, token };
        transfer.attempts = 0;
        self.store.save(transfer, Some(now)).await?;
        Ok(())
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

    /// The wallet does not let the shop have money any more.
    async fn lapse(&self, order: &Order, transfer: &mut Transfer) -> Result<(), TillError> {
        if self.store.set_standing(order, &Standing::Lapsed).await? == Changed::Overtaken {
            return Ok(());
        }
        if transfer.attempts == 0 {
            self.store.forget(transfer).await?;
            return Ok(());
        }
        transfer.stage = Stage::Failed { why: Why::NotAllowed, received: 0 };
        self.store.save(transfer, None).await?;
        Ok(())
    }

    /// Exchanges the token.
    async fn renewed(&self, order: &Order, token: &Token, interval: &str) -> Result<Renewal, TillError> {
        let token = match self.till.client.rotate_token(&token.manage, token.value.expose()).await {
            Ok(issued) => token_of(&issued),
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(error) => {
                tracing::info!(order = %order.id, %error, "a wallet does not know the token of a subscription");
                return Ok(Renewal::Unknown);
            }
        };
        let standing = Standing::Running { token: token.clone(), interval: interval.to_owned() };
        if self.store.set_standing(order, &standing).await? == Changed::Yes {
            return Ok(Renewal::Token(token));
        }
        // The customer was faster. The token that was to be revoked is exchanged already, so the new one is revoked.
        self.give_up(order, &token).await?;
        Ok(Renewal::Ended)
    }

    /// Tells the wallet that the right is not needed any more.
    async fn revoke(&self, order: &Order, token: &Token) -> Result<(), TillError> {
        self.give_up(order, token).await?;
        self.store.set_standing(order, &Standing::Ended).await.map(drop)?;
        Ok(())
    }

    async fn give_up(&self, order: &Order, token: &Token) -> Result<(), TillError> {
        match self.till.client.revoke_token(&token.manage, token.value.expose()).await {
            Ok(()) => Ok(()),
            Err(error) if error.is_transient() => Err(error.into()),
            Err(error) => {
                // A token that the wallet does not know pays nothing.
                tracing::info!(order = %order.id, %error, "a wallet knows nothing of a token that ends");
                Ok(())
            }
        }
    }
}

impl Till {
    /// Ends a subscription. From now on no period begins. The wallet is told next, as often as needed.
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
