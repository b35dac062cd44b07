//! A customer closes the wallet: only without money, payments, requests and agreements.
//!
//! From the wish on nobody is signed in. A job switches the addresses off, so that nothing can come while the rest is
//! checked again. Then it closes the wallet, or decides that it stays open, and switches on what it has switched off.
//! What is removed is in `users`.

use std::sync::Arc;

use admin_client::AdminClient;
use async_trait::async_trait;
use clock::Entropy;
use jobs::{Done, Failure, Handler, Job, Worker, WorkerSettings};
use page_kit::Words;
use uuid::Uuid;

use crate::customers::Customer;
use crate::effect_error::EffectError;
use crate::effects::Effects;
use crate::letters::Texts;
use crate::obstacles::{self, Obstacle, Whole};
use crate::reach::{self, Cause};
use crate::users::{Departure, LEAVINGS, LeavingWish, Users};

/// Closes wallets.
#[derive(Clone)]
pub(crate) struct Leaving {
    pub(crate) effects: Effects,
    pub(crate) users: Users,
    /// The API that has the agreements.
    pub(crate) grants: Option<AdminClient>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) institution: String,
    /// The address of the wallet, without a slash at its end.
    pub(crate) base: String,
}

impl Leaving {
    pub(crate) fn worker(&self) -> Worker {
        let database = self.effects.store.database().clone();
        let (clock, entropy) = (Arc::clone(&self.effects.clock), Arc::clone(&self.entropy));
        Worker::new(database, clock, entropy, LEAVINGS, Arc::new(self.clone()), WorkerSettings::default())
    }

    /// What keeps the wallet of this customer open.
    pub(crate) async fn obstacles(&self, customer: &Customer) -> Result<Vec<Obstacle>, EffectError> {
        obstacles::found(&self.effects, self.grants.as_ref(), customer, Whole::Wallet).await
    }

    /// Does the next step. It may end at any point, and be repeated.
    async fn go_on(&self, job: &Job, user: Uuid, wish: &LeavingWish) -> Result<Done, EffectError> {
        let words = Words::of(Some(&wish.language), None);
        let texts = Texts { words, institution: &self.institution, base: &self.base };
        let cause = Cause::Leaving(wish.id);
        match self.users.departure(user).await? {
            None => return Ok(Done::Complete),
            Some(Departure::Wanted) => self.leave(job, user, cause, &texts).await?,
            Some(Departure::GivenUp) => {
                for address in reach::noted(&self.effects, user, cause).await? {
                    reach::switch_on(&self.effects, user, address, cause).await?;
                }
                self.users.stay(job, user, texts.stays_open()).await?;
            }
        }
        Ok(Done::Settled)
    }

    /// Closes the wallet, or decides that it stays open.
    async fn leave(&self, job: &Job, user: Uuid, cause: Cause, texts: &Texts<'_>) -> Result<(), EffectError> {
        let customer = Customer::new(user, self.effects.clone());
        let accounts = customer.accounts().await?;
        let addresses: Vec<Uuid> = accounts.iter().filter_map(|held| held.account.wallet_address_id).collect();
        for address in &addresses {
            reach::switch_off(&self.effects, user, *address, cause).await?;
        }

        // Something may have come before. Without the addresses it could not be sent away.
        if !self.obstacles(&customer).await?.is_empty() {
            return Ok(self.users.give_up_leaving(job, user).await?);
        }
        for address in &addresses {
            reach::revoke_keys(&self.effects, *address).await?;
        }
        Ok(self.users.close(job, user, texts.closed()).await?)
    }
}

#[async_trait]
impl Handler for Leaving {
    #[tracing::instrument(name = "wallet.leave", skip_all, fields(user.id = job.key()))]
    async fn run(&self, job: &Job) -> Result<Done, Failure> {
        let Ok(user) = Uuid::try_parse(job.key()) else { return Ok(Done::Complete) };
        let wish: LeavingWish = job.payload()?;
        Ok(self.go_on(job, user, &wish).await.map_err(Box::new)?)
    }
}
