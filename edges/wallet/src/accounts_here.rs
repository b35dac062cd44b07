//! The accounts and payments of this process, as other modules of the wallet ask them.
//!
//! The questions are in `modules`.

use admin_client::Mutation;
use async_trait::async_trait;
use database::Error;
use serde_json::{Value, json, to_value};
use uuid::Uuid;

use crate::effect_error::EffectError;
use crate::effects::Effects;
use crate::held::Held;
use crate::history::{self, Spending, Wanted};
use crate::modules::{AccountsAsked, Answers, ModuleError, Obstacle};
use crate::reach::{self, Cause};
use crate::requests::{self, Late};
use crate::sql::{execute, read, read_one};
use crate::store::{ACCOUNT, account};

/// Tables with rows of a user that end with the user.
const OWN: [&str; 4] = ["wallet_contacts", "wallet_begun_requests", "wallet_switched_off", "wallet_own_switched_off"];

/// Answers for the accounts and payments of this process.
pub(crate) struct AccountsHere(pub(crate) Effects);

impl AccountsHere {
    async fn of_user(&self, user: Uuid) -> Result<Vec<Held>, EffectError> {
        let Effects { store, book, .. } = &self.0;
        let sql = format!("{ACCOUNT} WHERE a.user_id = $1 ORDER BY a.name, a.id");
        let rows = read(store.database(), &sql, [user.into()]).await?;
        let accounts = rows.iter().map(account).collect::<Result<Vec<_>, _>>()?;
        let balances = book.balances(&accounts).await?;
        Ok(accounts.into_iter().zip(balances).map(|(account, balance)| Held { account, balance }).collect())
    }

    async fn addresses(&self, user: Uuid) -> Result<Vec<Uuid>, EffectError> {
        Ok(self.of_user(user).await?.iter().filter_map(|held| held.account.wallet_address_id).collect())
    }

    async fn obstacles(&self, user: Uuid) -> Result<Vec<Obstacle>, EffectError> {
        let (accounts, database) = (self.of_user(user).await?, self.0.store.database());
        let mut found = Vec::new();
        if accounts.iter().any(|held| held.balance.posted != 0) {
            found.push(Obstacle::Money);
        }
        if accounts.iter().any(|held| held.balance.held > 0) || self.is_paying(user).await? {
            found.push(Obstacle::Payments);
        }
        if requests::open_count(database, user, self.0.clock.now()).await? > 0 {
            found.push(Obstacle::Requests);
        }
        Ok(found)
    }

    async fn is_paying(&self, user: Uuid) -> Result<bool, Error> {
        let sql = "SELECT 1 FROM wallet_sends WHERE user_id = $1 AND state = 'confirmed'
            UNION ALL SELECT 1 FROM wallet_movements m JOIN wallet_accounts a ON a.id = m.account_id
                WHERE a.user_id = $1 AND m.state IN ('starting', 'sending') LIMIT 1";
        Ok(read_one(self.0.store.database(), sql, [user.into()]).await?.is_some())
    }

    async fn late(&self, user: Uuid) -> Result<Option<Obstacle>, EffectError> {
        Ok(requests::late(&self.0, user).await?.map(|late| match late {
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
        let admin = &self.0.admin;
        for address in self.addresses(user).await? {
            let Some(view) = admin.wallet_address_view(address).await? else { continue };
            for key in view.keys().filter(|key| !key.revoked) {
                admin.change(Mutation::RevokeWalletAddressKey, json!({"id": key.id})).await?;
            }
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
            Ask::Obstacles { user } => to_value(self.obstacles(user).await?),
            Ask::Late { user } => to_value(self.late(user).await?),
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
