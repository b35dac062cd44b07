//! The accounts and payments of this process, as other modules of the wallet ask them.
//!
//! The questions are in `modules`.

use async_trait::async_trait;
use database::Error;
use serde_json::{Value, to_value};
use uuid::Uuid;

use crate::account_state;
use crate::effect_error::EffectError;
use crate::effects::Effects;
use crate::held::Held;
use crate::history::{self, Spending, Wanted};
use crate::modules::{AccountsAsked, Answers, ModuleError, Obstacle, Whole};
use crate::reach::{self, Cause};
use crate::requests::{self, Late};
use crate::sql::{execute, read};
use crate::store::{ACCOUNT, account};

/// Tables with rows of a user that end with the user.
const OWN: [&str; 5] = [
    "wallet_contacts",
    "wallet_begun_requests",
    "wallet_switched_off",
    "wallet_own_switched_off",
    "wallet_closing_switched_off",
];

/// Answers for the accounts and payments of this process.
pub(crate) struct AccountsHere(pub(crate) Effects);

impl AccountsHere {
    /// A closed account is among them only if money has come to it since.
    async fn of_user(&self, user: Uuid) -> Result<Vec<Held>, EffectError> {
        let Effects { store, book, .. } = &self.0;
        let sql = format!("{ACCOUNT} WHERE a.user_id = $1 ORDER BY a.name, a.id");
        let rows = read(store.database(), &sql, [user.into()]).await?;
        let accounts = rows.iter().map(account).collect::<Result<Vec<_>, _>>()?;
        let balances = book.balances(&accounts).await?;
        let mut states = account_state::of_user(store.database(), user).await?;
        let held = accounts.into_iter().zip(balances).map(|(account, balance)| {
            let state = states.remove(&account.id).unwrap_or_default();
            Held { account, balance, state }
        });
        Ok(held.filter(|held| !held.is_closed() || held.balance.posted != 0).collect())
    }

    async fn addresses(&self, user: Uuid) -> Result<Vec<Uuid>, EffectError> {
        Ok(self.of_user(user).await?.iter().filter_map(|held| held.account.wallet_address_id).collect())
    }

    async fn obstacles(&self, user: Uuid, whole: Whole) -> Result<Vec<Obstacle>, EffectError> {
        let mut accounts = self.of_user(user).await?;
        accounts.retain(|held| whole.has(held.account.id));
        let mut found = Vec::new();
        let mut note = |obstacle, is_there: bool| {
            if is_there {
                found.push(obstacle);
            }
        };
        note(Obstacle::Frozen, accounts.iter().any(|held| held.state.by_operator.is_some()));
        note(Obstacle::Money, accounts.iter().any(|held| held.balance.posted != 0));
        let is_under_way = accounts.iter().any(|held| held.balance.held > 0);
        note(Obstacle::Payments, is_under_way || self.is_paying(user, whole).await?);
        let is_asking = requests::open_accounts(self.0.store.database(), user, self.0.clock.now()).await?;
        note(Obstacle::Requests, is_asking.into_iter().any(|account| whole.has(account)));
        note(Obstacle::Closing, whole == Whole::Wallet && accounts.iter().any(Held::is_closing));
        Ok(found)
    }

    async fn is_paying(&self, user: Uuid, whole: Whole) -> Result<bool, Error> {
        let sql = "SELECT DISTINCT account_id FROM wallet_sends WHERE user_id = $1 AND state = 'confirmed'
            UNION SELECT DISTINCT m.account_id FROM wallet_movements m JOIN wallet_accounts a ON a.id = m.account_id
                WHERE a.user_id = $1 AND m.state IN ('starting', 'sending')";
        for row in read(self.0.store.database(), sql, [user.into()]).await? {
            if whole.has(row.try_get_by_index(0)?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn late(&self, user: Uuid, whole: Whole) -> Result<Option<Obstacle>, EffectError> {
        let late = requests::late(&self.0, user, |account| whole.has(account)).await?;
        Ok(late.map(|late| match late {
            Late::Open => Obstacle::Requests,
            Late::Arriving => Obstacle::Arriving,
        }))
    }

    async fn switch_off(&self, user: Uuid, wish: Uuid) -> Result<(), EffectError> {
        for address in self.addresses(user).await? {
            reach::switch_off(&self.0, user, address, Cause::Leaving(wish)).await?;
        }
        Ok(())
    }

    /// What the operator keeps off by now stays off, and is not noted any more.
    async fn switch_on(&self, user: Uuid, wish: Uuid) -> Result<(), EffectError> {
        let cause = Cause::Leaving(wish);
        for address in reach::noted(&self.0, user, cause).await? {
            reach::switch_on(&self.0, user, address, cause).await?;
        }
        let sql = "DELETE FROM wallet_switched_off WHERE user_id = $1";
        Ok(self.0.store.database().execute(sql, [user.into()]).await.map(drop)?)
    }

    /// Revokes the keys of all addresses, so that nothing is signed with them any more.
    async fn revoke_keys(&self, user: Uuid) -> Result<(), EffectError> {
        for address in self.addresses(user).await? {
            reach::revoke_keys(&self.0, address).await?;
        }
        Ok(())
    }

    async fn forget(&self, user: Uuid) -> Result<(), Error> {
        let transaction = self.0.store.database().begin().await?;
        for table in OWN {
            execute(&transaction, &format!("DELETE FROM {table} WHERE user_id = $1"), [user.into()]).await?;
        }
        execute(&transaction, "UPDATE wallet_requests SET note = NULL WHERE user_id = $1", [user.into()]).await?;
        transaction.commit().await
    }

    async fn made(&self, asked: AccountsAsked) -> Result<Value, EffectError> {
        use AccountsAsked as Ask;
        let database = self.0.store.database();
        let answer = match asked {
            Ask::OfUser { user } => to_value(self.of_user(user).await?),
            Ask::Under { user, grant, limit } => {
                let wanted = Wanted { grant: Some(grant), ..Wanted::default() };
                to_value(history::list(database, user, &wanted, limit).await?)
            }
            Ask::Used { user, grant, account, side, period } => {
                let spending = Spending { grant: &grant, account, side, period };
                to_value(history::used(database, user, &spending).await?)
            }
            Ask::Give { path, user } => to_value(self.0.store.give_account(&path, user).await?),
            Ask::Obstacles { user, whole } => to_value(self.obstacles(user, whole).await?),
            Ask::Late { user, whole } => to_value(self.late(user, whole).await?),
            Ask::SwitchOff { user, wish } => return self.switch_off(user, wish).await.map(|()| Value::Null),
            Ask::SwitchOn { user, wish } => return self.switch_on(user, wish).await.map(|()| Value::Null),
            Ask::RevokeKeys { user } => return self.revoke_keys(user).await.map(|()| Value::Null),
            Ask::Forget { user } => return Ok(self.forget(user).await.map(|()| Value::Null)?),
        };
        Ok(answer?)
    }
}

#[async_trait]
impl Answers<AccountsAsked> for AccountsHere {
    async fn answer(&self, asked: AccountsAsked) -> Result<Value, ModuleError> {
        self.made(asked).await.map_err(|error| {
            let may_pass = error.is_temporary();
            match error {
                EffectError::Store(error) => error.into(),
                EffectError::Module(error) => error,
                EffectError::Admin(error) => ModuleError::Instance { reason: error.to_string(), may_pass },
                other => ModuleError::Failed { reason: other.to_string(), may_pass },
            }
        })
    }
}
