//! Whether money may leave an account: it is open, frozen by its owner or by an operator, being closed, or closed. Money
//! that comes is credited in every state.
//!
//! What decides about a payment reads this under the lock of the account's row, in its own transaction. So a payment and
//! a freeze at the same time have one order in every process.

use std::collections::BTreeMap;

use clock::Timestamp;
use database::{Database, Dialect, Error, WriteTransaction};
use sea_orm::QueryResult;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::sql::{execute, one, read, read_one};

/// The longest reason for a freeze, in characters.
pub(crate) const BECAUSE_MAX: usize = 200;

/// How far an account is on its way to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Life {
    #[default]
    Open,
    /// It is not decided yet whether it is closed.
    Closing,
    /// It stays open. Its address may still be off.
    Staying,
    Closed,
}

impl Life {
    const ALL: [Self; 4] = [Self::Open, Self::Closing, Self::Staying, Self::Closed];

    fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Open => None,
            Self::Closing => Some("wanted"),
            Self::Staying => Some("staying"),
            Self::Closed => Some("closed"),
        }
    }
}

/// A freeze by an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Frozen {
    pub(crate) since: Timestamp,
    /// For the owner, who reads it.
    pub(crate) because: String,
}

/// How an account stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AccountState {
    pub(crate) life: Life,
    pub(crate) by_owner: Option<Timestamp>,
    pub(crate) by_operator: Option<Frozen>,
}

/// Why no money leaves an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Shut {
    Frozen,
    Closed,
}

impl AccountState {
    /// Why no money leaves it; `None` if it may.
    pub(crate) fn shut(&self) -> Option<Shut> {
        match self.life {
            Life::Closing | Life::Staying | Life::Closed => Some(Shut::Closed),
            Life::Open if self.is_frozen() => Some(Shut::Frozen),
            Life::Open => None,
        }
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.by_owner.is_some() || self.by_operator.is_some()
    }
}

/// Who freezes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Owner(Uuid),
    Operator { because: String },
}

const STATE: &str = "id, closing, frozen_by_owner_at, frozen_by_operator_at, frozen_because FROM wallet_accounts";

/// Why no money may leave an account. It stays so until the end of the transaction.
pub(crate) async fn shut(transaction: &WriteTransaction, account: Uuid) -> Result<Option<Shut>, Error> {
    // Payments of one account do not wait for each other. A change of its state waits for them, and they for it. SQLite
    // has one writer at a time.
    let lock = if transaction.dialect() == Dialect::Postgres { " FOR SHARE" } else { "" };
    let row = one(transaction, &format!("SELECT {STATE} WHERE id = $1{lock}"), [account.into()]).await?;
    Ok(row.as_ref().map(state).transpose()?.and_then(|(_, state)| state.shut()))
}

/// How an account stands.
pub(crate) async fn of(database: &Database, account: Uuid) -> Result<Option<AccountState>, Error> {
    let row = read_one(database, &format!("SELECT {STATE} WHERE id = $1"), [account.into()]).await?;
    Ok(row.as_ref().map(state).transpose()?.map(|(_, state)| state))
}

/// How the accounts of a user stand.
pub(crate) async fn of_user(database: &Database, user: Uuid) -> Result<BTreeMap<Uuid, AccountState>, Error> {
    read(database, &format!("SELECT {STATE} WHERE user_id = $1"), [user.into()]).await?.iter().map(state).collect()
}

/// Freezes an account. From the end of this on, no payment from it gets money. Nothing happens if it is frozen so.
pub(crate) async fn freeze(database: &Database, account: Uuid, by: &By, now: Timestamp) -> Result<(), Error> {
    let now = now.as_millis();
    match by {
        By::Owner(user) => {
            let sql = "UPDATE wallet_accounts SET frozen_by_owner_at = $3
                WHERE id = $1 AND user_id = $2 AND frozen_by_owner_at IS NULL";
            database.execute(sql, [account.into(), (*user).into(), now.into()]).await
        }
        By::Operator { because } => {
            let sql = "UPDATE wallet_accounts SET frozen_by_operator_at = $2, frozen_because = $3
                WHERE id = $1 AND frozen_by_operator_at IS NULL";
            database.execute(sql, [account.into(), now.into(), because.as_str().into()]).await
        }
    }
    .map(drop)
}

/// Ends the freeze of an owner. That of an operator stays.
pub(crate) async fn thaw_by_owner(database: &Database, account: Uuid, user: Uuid) -> Result<(), Error> {
    let sql = "UPDATE wallet_accounts SET frozen_by_owner_at = NULL WHERE id = $1 AND user_id = $2";
    database.execute(sql, [account.into(), user.into()]).await.map(drop)
}

/// Ends the freeze of an operator. That of the owner stays.
pub(crate) async fn thaw_by_operator(database: &Database, account: Uuid) -> Result<(), Error> {
    let sql = "UPDATE wallet_accounts SET frozen_by_operator_at = NULL, frozen_because = NULL WHERE id = $1";
    database.execute(sql, [account.into()]).await.map(drop)
}

/// Goes from one part of an account's life to another. `false` if it was in none of those.
pub(crate) async fn go(transaction: &WriteTransaction, account: Uuid, from: &[Life], to: Life) -> Result<bool, Error> {
    let names: Vec<String> = from.iter().map(|life| format!("'{}'", life.as_str().unwrap_or("open"))).collect();
    let sql = format!(
        "UPDATE wallet_accounts SET closing = $2 WHERE id = $1 AND COALESCE(closing, 'open') IN ({})",
        names.join(", ")
    );
    Ok(execute(transaction, &sql, [account.into(), to.as_str().into()]).await? > 0)
}

fn state(row: &QueryResult) -> Result<(Uuid, AccountState), Error> {
    let id: Uuid = row.try_get_by_index(0)?;
    let (closing, owner, operator): (Option<String>, Option<i64>, Option<i64>) =
        (row.try_get_by_index(1)?, row.try_get_by_index(2)?, row.try_get_by_index(3)?);
    let because: Option<String> = row.try_get_by_index(4)?;
    let life = Life::ALL.into_iter().find(|life| life.as_str() == closing.as_deref());
    let by_operator =
        operator.map(|since| Frozen { since: Timestamp::from_millis(since), because: because.unwrap_or_default() });
    let state = AccountState {
        life: life.ok_or_else(|| Error::inconsistent("wallet_accounts", "closing", id))?,
        by_owner: owner.map(Timestamp::from_millis),
        by_operator,
    };
    Ok((id, state))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_freeze_alone_keeps_the_money_in_and_so_does_the_way_to_the_end() {
        let at = Timestamp::from_millis(7);
        let open = AccountState::default();
        assert_eq!(open.shut(), None);
        let by_owner = AccountState { by_owner: Some(at), ..open.clone() };
        let frozen = Frozen { since: at, because: "a court".to_owned() };
        let by_operator = AccountState { by_operator: Some(frozen), ..open.clone() };
        assert_eq!([by_owner.shut(), by_operator.shut()], [Some(Shut::Frozen); 2]);
        for life in [Life::Closing, Life::Staying, Life::Closed] {
            assert_eq!(AccountState { life, ..open.clone() }.shut(), Some(Shut::Closed), "{life:?}");
        }
    }
}
