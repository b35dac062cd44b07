//! A customer closes the wallet: only without money, payments, requests and agreements.
//!
//! From the wish on nobody is signed in. A job switches the addresses off, so that nothing can come while the rest is
//! checked again. Then it closes the wallet, or switches on what it has switched off. What is removed is in `users`.

use std::sync::Arc;

use admin_client::{AdminClient, Mutation};
use async_trait::async_trait;
use clock::Entropy;
use jobs::{Done, Failure, Handler, Job, Worker, WorkerSettings};
use page_kit::Words;
use serde_json::json;
use uuid::Uuid;

use crate::customers::Customer;
use crate::effect_error::EffectError;
use crate::effects::Effects;
use crate::grants;
use crate::letters::Texts;
use crate::requests::{self, Late};
use crate::sql::{read, read_one};
use crate::users::{LEAVINGS, LeavingWish, Users};

/// What keeps a wallet open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    Money,
    Payments,
    Requests,
    /// Money for a request has come to the instance, and is not credited yet.
    Arriving,
    Agreements,
}

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
        let (effects, accounts) = (&self.effects, customer.accounts().await?);
        let mut found = Vec::new();
        if accounts.iter().any(|held| held.balance.posted != 0) {
            found.push(Obstacle::Money);
        }
        if accounts.iter().any(|held| held.balance.held > 0) || is_paying(effects, customer.user()).await? {
            found.push(Obstacle::Payments);
        }
        if requests::open_count(effects.store.database(), customer.user(), effects.clock.now()).await? > 0 {
            found.push(Obstacle::Requests);
        }
        if let Some(admin) = &self.grants {
            for address in accounts.iter().filter_map(|held| held.account.wallet_address_url.as_ref()) {
                if grants::is_any_live(admin, address).await? {
                    found.push(Obstacle::Agreements);
                    break;
                }
            }
        }
        if found.is_empty() {
            found.extend(requests::late(effects, customer.user()).await?.map(|late| match late {
                Late::Open => Obstacle::Requests,
                Late::Arriving => Obstacle::Arriving,
            }));
        }
        Ok(found)
    }

    /// Closes the wallet, or keeps it open. It may end at any point, and be repeated.
    async fn leave(&self, job: &Job, user: Uuid, texts: &Texts<'_>) -> Result<Done, EffectError> {
        if !self.users.is_leaving(user).await? {
            return Ok(Done::Complete);
        }
        let customer = Customer::new(user, self.effects.clone());
        let accounts = customer.accounts().await?;
        let addresses: Vec<Uuid> = accounts.iter().filter_map(|held| held.account.wallet_address_id).collect();
        for address in &addresses {
            self.switch_off(user, *address).await?;
        }

        // Something may have come before. Without the addresses it could not be sent away.
        if !self.obstacles(&customer).await?.is_empty() {
            for address in self.switched_off(user).await? {
                self.switch(address, "ACTIVE").await?;
            }
            self.users.stay(job, user, texts.stays_open()).await?;
            return Ok(Done::Settled);
        }
        for address in &addresses {
            self.revoke_keys(*address).await?;
        }
        self.users.close(job, user, texts.closed()).await?;
        Ok(Done::Settled)
    }

    /// Switches an address off, unless the operator did. That it was on is stored before.
    async fn switch_off(&self, user: Uuid, address: Uuid) -> Result<(), EffectError> {
        let view = self.effects.admin.wallet_address_view(address).await?;
        if view.is_none_or(|view| view.status != "ACTIVE") {
            return Ok(());
        }
        let sql = "INSERT INTO wallet_switched_off (address_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        self.effects.store.database().execute(sql, [address.into(), user.into()]).await?;
        self.switch(address, "INACTIVE").await
    }

    async fn switched_off(&self, user: Uuid) -> Result<Vec<Uuid>, database::Error> {
        let sql = "SELECT address_id FROM wallet_switched_off WHERE user_id = $1";
        let rows = read(self.effects.store.database(), sql, [user.into()]).await?;
        rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
    }

    async fn switch(&self, address: Uuid, status: &str) -> Result<(), EffectError> {
        let input = json!({"id": address, "status": status});
        Ok(self.effects.admin.change(Mutation::UpdateWalletAddress, input).await.map(drop)?)
    }

    /// Revokes the keys of an address, so that nothing is signed with it any more.
    async fn revoke_keys(&self, address: Uuid) -> Result<(), EffectError> {
        let admin = &self.effects.admin;
        let Some(view) = admin.wallet_address_view(address).await? else { return Ok(()) };
        for key in view.keys().filter(|key| !key.revoked) {
            admin.change(Mutation::RevokeWalletAddressKey, json!({"id": key.id})).await?;
        }
        Ok(())
    }
}

async fn is_paying(effects: &Effects, user: Uuid) -> Result<bool, database::Error> {
    let sql = "SELECT 1 FROM wallet_sends WHERE user_id = $1 AND state = 'confirmed'
        UNION ALL SELECT 1 FROM wallet_movements m JOIN wallet_accounts a ON a.id = m.account_id
            WHERE a.user_id = $1 AND m.state IN ('starting', 'sending') LIMIT 1";
    Ok(read_one(effects.store.database(), sql, [user.into()]).await?.is_some())
}

#[async_trait]
impl Handler for Leaving {
    #[tracing::instrument(name = "wallet.leave", skip_all, fields(user.id = job.key()))]
    async fn run(&self, job: &Job) -> Result<Done, Failure> {
        let Ok(user) = Uuid::try_parse(job.key()) else { return Ok(Done::Complete) };
        let wish: LeavingWish = job.payload()?;
        let words = Words::of(Some(&wish.language), None);
        let texts = Texts { words, institution: &self.institution, base: &self.base };
        Ok(self.leave(job, user, &texts).await.map_err(Box::new)?)
    }
}
