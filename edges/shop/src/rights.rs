//! The right to have money from a customer again: its token is exchanged by one process at a time, used, and given up.
//!
//! Subscriptions and budgets have such a right. When they charge is beside this file.

use std::time::Duration;

use open_payments_client::PendingGrant;

use crate::Core;
use crate::orders::{Exchange, Order, Standing, Token};
use crate::steps::token_of;
use crate::store::Changed;
use crate::till::TillError;

/// Others wait so long for a process that exchanges a token. It is longer than a request may take.
const EXCHANGE_TAKES: Duration = Duration::from_mins(1);

/// What became of a token that was to be used.
#[derive(Debug)]
pub(crate) enum Renewal {
    /// Here is one.
    Token(Token),
    /// Another process exchanges it now.
    Busy,
    /// The wallet does not know the old one any more. The right has lapsed.
    Lapsed,
    /// There is no right, or the customer has ended it meanwhile.
    Ended,
}

impl Core {
    /// The token of a right. One that has ended is exchanged first.
    pub(crate) async fn usable_token(&self, order: &Order) -> Result<Renewal, TillError> {
        match &order.standing {
            Standing::Running { token, .. } if token.lives(self.clock.now()) => Ok(Renewal::Token(token.clone())),
            _ => self.renewed(order).await,
        }
    }

    /// Exchanges the token of a right.
    ///
    /// Two processes must not exchange it at once: the wallet refuses the second one, which would look like the end of the
    /// right. So it is stored first that one is at it, with the key of its request. If it is killed before the new token is
    /// stored, another one asks under the same key, and gets the same token from wallets that know such keys.
    pub(crate) async fn renewed(&self, order: &Order) -> Result<Renewal, TillError> {
        let Standing::Running { token, interval, exchange, grant } = &order.standing else {
            return Ok(Renewal::Ended);
        };
        let now = self.clock.now();
        if exchange.is_some_and(|exchange| exchange.until > now) {
            return Ok(Renewal::Busy);
        }
        let running = |token: &Token, exchange| Standing::Running {
            token: token.clone(),
            interval: interval.clone(),
            exchange,
            grant: grant.clone(),
        };
        let mut order = order.clone();
        let key = exchange.map_or_else(|| self.entropy.uuid(), |begun| begun.key);
        let mine = Exchange { key, until: now.saturating_add(EXCHANGE_TAKES) };
        if self.store.set_standing(&mut order, &running(token, Some(mine))).await? == Changed::Overtaken {
            return Ok(Renewal::Busy);
        }

        let key = format!("shop-{key}");
        let token = match self.till.client.rotate_token(&token.manage, token.value.expose(), Some(&key)).await {
            Ok(issued) => token_of(&issued, now),
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(error) => {
                tracing::info!(order = %order.id, %error, "a wallet does not know the token of a right");
                return self.lapse(order, grant.as_deref()).await;
            }
        };
        if self.store.set_standing(&mut order, &running(&token, None)).await? == Changed::Yes {
            return Ok(Renewal::Token(token));
        }
        // The customer was faster. The token that was to be revoked is exchanged already, so the new one is revoked.
        self.give_up(&order, &token).await?;
        Ok(Renewal::Ended)
    }

    /// Ends a right whose token the wallet does not know. The grant is given back first, because a token that was lost
    /// would leave it open at the wallet.
    async fn lapse(&self, mut order: Order, grant: Option<&PendingGrant>) -> Result<Renewal, TillError> {
        if let Some(grant) = grant {
            self.till.give_back(&order, grant).await?;
        }
        let lapsed = self.store.set_standing(&mut order, &Standing::Lapsed).await?;
        Ok(if lapsed == Changed::Yes { Renewal::Lapsed } else { Renewal::Ended })
    }

    /// Tells the wallet that the right is not needed any more.
    pub(crate) async fn revoke(&self, order: &Order, token: &Token) -> Result<(), TillError> {
        self.give_up(order, token).await?;
        Ok(self.store.set_standing(&mut order.clone(), &Standing::Ended).await.map(drop)?)
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
