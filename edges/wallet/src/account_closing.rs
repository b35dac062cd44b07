//! A customer closes one account: only without money, payments, requests and agreements, and not while it is frozen by an
//! operator. Closing the whole wallet is in `leaving`.
//!
//! From the wish on no money leaves the account. A job switches its address off, so that nothing can come while the rest
//! is checked again. Then it closes the account, or decides that it stays open, and switches the address on again.

use std::sync::Arc;

use async_trait::async_trait;
use clock::Entropy;
use database::{Error, WriteTransaction};
use jobs::{Done, Failure, Handler, IfWaiting, Job, NewJob, Worker, WorkerSettings};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::account_state::{self, Life};
use crate::customers::Customer;
use crate::effect_error::EffectError;
use crate::effects::Effects;
use crate::obstacles::{self, Obstacle, Whole};
use crate::reach::{self, Cause};
use crate::sql::execute;
use crate::store::AccountRow;

/// The queue of accounts to be closed. The key is the account.
const QUEUE: &str = "wallet account closings";

/// A wish to close an account, as the job reads it.
#[derive(Debug, Serialize, Deserialize)]
struct Wish {
    /// What is asked of the instance for this wish has keys of it, so a request that arrives late changes nothing.
    id: Uuid,
    user: Uuid,
}

/// Closes accounts.
#[derive(Clone)]
pub(crate) struct AccountClosing {
    pub(crate) effects: Effects,
    pub(crate) entropy: Arc<dyn Entropy>,
}

impl AccountClosing {
    pub(crate) fn worker(&self) -> Worker {
        let database = self.effects.store.database().clone();
        let (clock, entropy) = (Arc::clone(&self.effects.clock), Arc::clone(&self.entropy));
        Worker::new(database, clock, entropy, QUEUE, Arc::new(self.clone()), WorkerSettings::default())
    }

    /// What keeps an account of this customer open.
    pub(crate) async fn obstacles(&self, customer: &Customer, account: Uuid) -> Result<Vec<Obstacle>, EffectError> {
        obstacles::found(&self.effects.modules, customer.user(), Whole::Account(account)).await
    }

    /// Lets no more money leave an account, together with the job that closes it. A form that is sent twice begins it
    /// once. If the account has stayed open meanwhile, the same form is another wish.
    pub(crate) async fn begin(&self, customer: &Customer, account: Uuid) -> Result<(), Error> {
        let transaction = self.effects.store.database().begin().await?;
        if account_state::go(&transaction, account, &[Life::Open], Life::Closing).await? {
            let job = NewJob {
                queue: QUEUE,
                key: account.to_string(),
                lane: String::new(),
                payload: Wish { id: self.entropy.uuid(), user: customer.user() },
                run_at: self.effects.clock.now(),
                carried: None,
                if_waiting: IfWaiting::default(),
            };
            jobs::enqueue(&transaction, job)?;
        }
        transaction.commit().await
    }

    /// Opens a closed account again, because money has come to it. Its address stays off until the customer switches it
    /// on.
    pub(crate) async fn open_again(&self, account: Uuid) -> Result<(), EffectError> {
        // The job that ends its cards does nothing any more once the account is open.
        if account_state::of(self.effects.store.database(), account).await?.map(|state| state.life)
            != Some(Life::Closed)
        {
            return Ok(());
        }
        self.effects.modules.payments.end_cards(account).await?;
        let transaction = self.effects.store.database().begin().await?;
        account_state::go(&transaction, account, &[Life::Closed], Life::Open).await?;
        Ok(transaction.commit().await?)
    }

    /// Does the next step. It may end at any point, and be repeated.
    async fn go_on(&self, job: &Job, account: Uuid, wish: &Wish) -> Result<Done, EffectError> {
        let database = self.effects.store.database();
        let customer = Customer::new(wish.user, self.effects.clone());
        let (row, state) = (self.effects.store.account(account).await?, account_state::of(database, account).await?);
        let (Some(row), Some(state)) = (row, state) else { return Ok(Done::Complete) };
        match state.life {
            Life::Open => return Ok(Done::Complete),
            Life::Closed => {
                self.effects.modules.payments.end_cards(account).await?;
                return Ok(Done::Complete);
            }
            Life::Closing => self.close(job, &customer, &row, wish).await?,
            Life::Staying => {
                if let Some(address) = row.wallet_address_id {
                    reach::switch_on(&self.effects, wish.user, address, Cause::Closing(wish.id)).await?;
                }
                let transaction = database.begin().await?;
                account_state::go(&transaction, account, &[Life::Staying], Life::Open).await?;
                forget_switch(&transaction, row.wallet_address_id).await?;
                job.complete(&transaction);
                transaction.commit().await?;
            }
        }
        Ok(Done::Settled)
    }

    /// Closes the account, or decides that it stays open. Who has lost the job decides nothing.
    async fn close(&self, job: &Job, customer: &Customer, row: &AccountRow, wish: &Wish) -> Result<(), EffectError> {
        let (database, account, address) = (self.effects.store.database(), row.id, row.wallet_address_id);
        if let Some(address) = address {
            reach::switch_off(&self.effects, wish.user, address, Cause::Closing(wish.id)).await?;
        }
        // Something may have come before. Without the address it could not be sent away.
        let stays = !self.obstacles(customer, account).await?.is_empty();
        if stays {
            let transaction = database.begin().await?;
            account_state::go(&transaction, account, &[Life::Closing], Life::Staying).await?;
            job.run_again(&transaction, self.effects.clock.now());
            return Ok(transaction.commit().await?);
        }
        if let Some(address) = address {
            reach::revoke_keys(&self.effects, address).await?;
        }

        let transaction = database.begin().await?;
        account_state::go(&transaction, account, &[Life::Closing], Life::Closed).await?;
        // If money comes after all, the account can be opened again, and its owner can switch the address on.
        let keep = "INSERT INTO wallet_own_switched_off (address_id, user_id)
            SELECT address_id, user_id FROM wallet_closing_switched_off WHERE address_id = $1 ON CONFLICT DO NOTHING";
        execute(&transaction, keep, [address.into()]).await?;
        forget_switch(&transaction, address).await?;
        // Then its cards end.
        job.run_again(&transaction, self.effects.clock.now());
        Ok(transaction.commit().await?)
    }
}

async fn forget_switch(transaction: &WriteTransaction, address: Option<Uuid>) -> Result<(), Error> {
    let sql = "DELETE FROM wallet_closing_switched_off WHERE address_id = $1";
    execute(transaction, sql, [address.into()]).await.map(drop)
}

#[async_trait]
impl Handler for AccountClosing {
    #[tracing::instrument(name = "wallet.account.close", skip_all, fields(account.id = job.key()))]
    async fn run(&self, job: &Job) -> Result<Done, Failure> {
        let Ok(account) = Uuid::try_parse(job.key()) else { return Ok(Done::Complete) };
        let wish: Wish = job.payload()?;
        Ok(self.go_on(job, account, &wish).await.map_err(Box::new)?)
    }
}
