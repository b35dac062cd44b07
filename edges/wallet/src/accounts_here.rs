//! The accounts of this process, as other modules of the wallet ask them.
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
use crate::history::{self, Movement, Spending, Wanted};
use crate::holds::{self, Funding, HoldRow, HoldState};
use crate::ledger_book::BookError;
use crate::modules::{AccountsAsked, Answers, Cost, Kept, ModuleError, Obstacle, Reserved, Whole};
use crate::reach::{self, Cause};
use crate::sql::{execute, read};
use crate::store::{ACCOUNT, AccountRow, account};

/// Tables with rows of a user that end with the user.
const OWN: [&str; 3] = ["wallet_switched_off", "wallet_own_switched_off", "wallet_closing_switched_off"];

/// Answers for the accounts of this process.
pub(crate) struct AccountsHere(pub(crate) Effects);

impl AccountsHere {
    /// A closed account is among them only if money has come to it since.
    async fn of_user(&self, user: Uuid) -> Result<Vec<Held>, EffectError> {
        let Effects { store, book, .. } = &self.0;
        let accounts = self.every_of_user(user).await?;
        let balances = book.balances(&accounts).await?;
        let mut states = account_state::of_user(store.database(), user).await?;
        let held = accounts.into_iter().zip(balances).map(|(account, balance)| {
            let state = states.remove(&account.id).unwrap_or_default();
            Held { account, balance, state }
        });
        Ok(held.filter(|held| !held.is_closed() || held.balance.posted != 0).collect())
    }

    async fn every_of_user(&self, user: Uuid) -> Result<Vec<AccountRow>, Error> {
        let sql = format!("{ACCOUNT} WHERE a.user_id = $1 ORDER BY a.name, a.id");
        read(self.0.store.database(), &sql, [user.into()]).await?.iter().map(account).collect()
    }

    async fn account(&self, id: Uuid) -> Result<AccountRow, Error> {
        let found = self.0.store.account(id).await?;
        found.ok_or_else(|| Error::inconsistent("wallet_accounts", "id", id))
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
        note(Obstacle::Closing, whole == Whole::Wallet && accounts.iter().any(Held::is_closing));
        Ok(found)
    }

    async fn is_paying(&self, user: Uuid, whole: Whole) -> Result<bool, Error> {
        let sql = "SELECT DISTINCT m.account_id FROM wallet_movements m JOIN wallet_accounts a ON a.id = m.account_id
            WHERE a.user_id = $1 AND m.state IN ('starting', 'sending')";
        for row in read(self.0.store.database(), sql, [user.into()]).await? {
            if whole.has(row.try_get_by_index(0)?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Holds money in the ledger. The hold is stored before.
    async fn hold(&self, hold: &HoldRow) -> Result<Kept, EffectError> {
        match self.0.book.hold(&self.account(hold.account).await?, hold.payment, hold.debit).await {
            Ok(()) => Ok(Kept::Yes),
            Err(BookError::NotEnough) => Ok(Kept::NotEnough),
            Err(error) => Err(error.into()),
        }
    }

    /// Before the payment is made.
    async fn keep(&self, hold: HoldRow) -> Result<Kept, EffectError> {
        let hold = holds::open(self.0.store.database(), hold, self.0.clock.now()).await?;
        if matches!(hold.state, HoldState::Releasing | HoldState::Released) {
            // It was given up meanwhile, or refused before.
            return Ok(Kept::GivenUp);
        }
        self.hold(&hold).await
    }

    /// Holds the money, and decides under the lock of the account that the payment gets it. Every repetition gets an
    /// answer that means the same.
    async fn reserve(&self, hold: HoldRow) -> Result<Reserved, EffectError> {
        let database = self.0.store.database();
        let hold = holds::open(database, hold, self.0.clock.now()).await?;
        let payment = hold.payment;
        if matches!(hold.state, HoldState::Held | HoldState::Funding) {
            if self.hold(&hold).await? != Kept::Yes {
                holds::released(database, payment).await?;
                return Ok(Reserved::NotEnough);
            }
            match holds::fund(database, payment, hold.account).await? {
                Funding::Yes => return Ok(Reserved::Yes),
                Funding::Shut(shut) => {
                    self.0.book.release(payment).await?;
                    return Ok(Reserved::Shut(shut));
                }
                Funding::Otherwise => {}
            }
        }

        // Another process, or an event that came earlier, has decided otherwise. A hold made meanwhile goes back.
        match holds::of(database, payment).await?.map(|hold| hold.state) {
            Some(HoldState::Settled) => {
                self.0.book.release(payment).await?;
                Ok(Reserved::Ended)
            }
            Some(HoldState::Releasing) => {
                self.0.book.release(payment).await?;
                let state = account_state::of(database, hold.account).await?;
                if let Some(shut) = state.and_then(|state| state.shut()) {
                    // The answer of before may have been lost.
                    return Ok(Reserved::Shut(shut));
                }
                holds::released(database, payment).await?;
                Ok(Reserved::GivenUp)
            }
            Some(HoldState::Released) => {
                self.0.book.release(payment).await?;
                Ok(Reserved::GivenUp)
            }
            Some(HoldState::Held | HoldState::Funding | HoldState::Settling) | None => Ok(Reserved::Undecided),
        }
    }

    /// What is held goes back, unless the payment is funded by now.
    async fn give_up(&self, payment: Uuid) -> Result<bool, EffectError> {
        let database = self.0.store.database();
        if !holds::give_up(database, payment).await? {
            let state = holds::of(database, payment).await?.map(|hold| hold.state);
            if state != Some(HoldState::Released) {
                return Ok(false);
            }
        }
        self.0.book.release(payment).await?;
        Ok(true)
    }

    async fn not_made(&self, payment: Uuid) -> Result<(), EffectError> {
        holds::was_not_made(self.0.store.database(), payment).await?;
        Ok(self.0.book.release(payment).await?)
    }

    async fn never_made(&self, payment: Uuid) -> Result<(), EffectError> {
        let database = self.0.store.database();
        history::was_cancelled(database, payment, self.0.clock.now()).await?;
        Ok(holds::released(database, payment).await?)
    }

    async fn settle(&self, cost: &Cost) -> Result<(), EffectError> {
        let (database, account) = (self.0.store.database(), self.account(cost.account).await?);
        holds::settle(database, cost.payment).await?;
        self.0.book.settle(&account, cost.payment, cost.sent, cost.fee).await?;
        Ok(history::record(database, &cost.movement).await?)
    }

    async fn credit(&self, cause: Uuid, movement: &Movement) -> Result<(), EffectError> {
        let account = self.account(movement.account).await?;
        self.0.book.receive(&account, cause, movement.amount).await?;
        Ok(history::record(self.0.store.database(), movement).await?)
    }

    async fn make_address(&self, path: &str) -> Result<(), EffectError> {
        let Effects { store, admin, addresses, .. } = &self.0;
        let Some(account) = store.account_by_path(path).await? else { return Ok(()) };
        addresses.ensure(store, admin, &account).await
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
        transaction.commit().await
    }

    async fn made(&self, asked: AccountsAsked) -> Result<Value, EffectError> {
        use AccountsAsked as Ask;
        let (store, database) = (&self.0.store, self.0.store.database());
        let answer = match asked {
            Ask::OfUser { user } => to_value(self.of_user(user).await?),
            Ask::EveryOfUser { user } => to_value(self.every_of_user(user).await?),
            Ask::WithAddress { address } => to_value(store.account_by_wallet_address(address).await?),
            Ask::WithPath { path } => to_value(store.account_by_path(&path).await?),
            Ask::StateOf { account } => to_value(account_state::of(database, account).await?),
            Ask::Under { user, grant, limit } => {
                let wanted = Wanted { grant: Some(grant), ..Wanted::default() };
                to_value(history::list(database, Some(&self.0.modules.payments), user, &wanted, limit).await?)
            }
            Ask::Came { payments } => to_value(history::came(database, &payments).await?),
            Ask::Used { user, grant, account, side, period } => {
                let spending = Spending { grant: &grant, account, side, period };
                to_value(history::used(database, user, &spending).await?)
            }
            Ask::Give { path, user } => to_value(store.give_account(&path, user).await?),
            Ask::HoldOf { payment } => to_value(holds::of(database, payment).await?),
            Ask::Open { hold } => to_value(holds::open(database, hold, self.0.clock.now()).await?),
            Ask::Keep { hold } => to_value(self.keep(hold).await?),
            Ask::Reserve { hold } => to_value(self.reserve(hold).await?),
            Ask::GiveUp { payment } => to_value(self.give_up(payment).await?),
            Ask::TakeOld { before, now, limit } => to_value(holds::take_old(database, before, now, limit).await?),
            Ask::Obstacles { user, whole } => to_value(self.obstacles(user, whole).await?),
            Ask::MakeAddress { path } => to_value(self.make_address(&path).await?),
            Ask::NotMade { payment } => to_value(self.not_made(payment).await?),
            Ask::Released { payment } => to_value(holds::released(database, payment).await?),
            Ask::NeverMade { payment } => to_value(self.never_made(payment).await?),
            Ask::Settle { cost } => to_value(self.settle(&cost).await?),
            Ask::Settled { payment } => to_value(holds::settled(database, payment).await?),
            Ask::Credit { cause, movement } => to_value(self.credit(cause, &movement).await?),
            Ask::Record { movement } => to_value(history::record(database, &movement).await?),
            Ask::Counts { payment, debit, receive } => {
                to_value(history::counts(database, payment, debit, receive).await?)
            }
            Ask::Low { told } => to_value(self.0.top_up(&told).await?),
            Ask::SwitchOff { user, wish } => to_value(self.switch_off(user, wish).await?),
            Ask::SwitchOn { user, wish } => to_value(self.switch_on(user, wish).await?),
            Ask::RevokeKeys { user } => to_value(self.revoke_keys(user).await?),
            Ask::Forget { user } => to_value(self.forget(user).await?),
        };
        Ok(answer?)
    }
}

#[async_trait]
impl Answers<AccountsAsked> for AccountsHere {
    async fn answer(&self, asked: AccountsAsked) -> Result<Value, ModuleError> {
        self.made(asked).await.map_err(EffectError::into_answer)
    }
}
