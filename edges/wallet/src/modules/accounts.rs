//! What other modules ask the accounts and payments: balances, what was paid under a grant, and the end of a wallet.
//!
//! The answers are made in `accounts_here`.

use clock::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::link::{ModuleError, Port};
use crate::held::Held;
use crate::history::{Listed, Side, Spending};

/// What keeps a wallet or an account open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Obstacle {
    Money,
    Payments,
    Requests,
    /// Money for a request has come to the instance, and is not credited yet.
    Arriving,
    Agreements,
    /// An operator has frozen the account.
    Frozen,
    /// An account of the wallet is being closed.
    Closing,
}

/// What is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Whole {
    Wallet,
    Account(Uuid),
}

impl Whole {
    pub(crate) fn has(self, account: Uuid) -> bool {
        match self {
            Self::Wallet => true,
            Self::Account(only) => only == account,
        }
    }
}

/// A question to the accounts and payments.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AccountsAsked {
    /// The accounts of a user with their balances.
    OfUser { user: Uuid },
    /// The newest payments under a grant.
    Under { user: Uuid, grant: String, limit: u32 },
    /// What payments under a grant have used of a limit.
    Used { user: Uuid, grant: String, account: Option<Uuid>, side: Side, period: Option<(Timestamp, Timestamp)> },
    /// Gives an account of the seed to a user. Answers whether there is such an account.
    Give { path: String, user: Uuid },
    /// What keeps the wallet of a user or an account open, as far as it is known here.
    Obstacles { user: Uuid, whole: Whole },
    /// The same, as the instance says about requests that have ended.
    Late { user: Uuid, whole: Whole },
    /// Switches the addresses of a user off, because of this wish to leave.
    SwitchOff { user: Uuid, wish: Uuid },
    /// Switches on what was switched off because of the wish.
    SwitchOn { user: Uuid, wish: Uuid },
    /// Revokes the keys of a user's addresses.
    RevokeKeys { user: Uuid },
    /// Forgets what identifies a user whose wallet is closed.
    Forget { user: Uuid },
}

/// The way to the accounts and payments.
#[derive(Clone)]
pub(crate) struct Accounts(pub(crate) Port<AccountsAsked>);

impl Accounts {
    pub(crate) async fn of_user(&self, user: Uuid) -> Result<Vec<Held>, ModuleError> {
        self.0.ask(AccountsAsked::OfUser { user }).await
    }

    pub(crate) async fn under(&self, user: Uuid, grant: &str, limit: u32) -> Result<Vec<Listed>, ModuleError> {
        self.0.ask(AccountsAsked::Under { user, grant: grant.to_owned(), limit }).await
    }

    pub(crate) async fn used(&self, user: Uuid, spending: &Spending<'_>) -> Result<u64, ModuleError> {
        let Spending { grant, account, side, period } = *spending;
        self.0.ask(AccountsAsked::Used { user, grant: grant.to_owned(), account, side, period }).await
    }

    pub(crate) async fn give(&self, path: &str, user: Uuid) -> Result<bool, ModuleError> {
        self.0.ask(AccountsAsked::Give { path: path.to_owned(), user }).await
    }

    pub(crate) async fn obstacles(&self, user: Uuid, whole: Whole) -> Result<Vec<Obstacle>, ModuleError> {
        self.0.ask(AccountsAsked::Obstacles { user, whole }).await
    }

    pub(crate) async fn late(&self, user: Uuid, whole: Whole) -> Result<Option<Obstacle>, ModuleError> {
        self.0.ask(AccountsAsked::Late { user, whole }).await
    }

    pub(crate) async fn switch_off(&self, user: Uuid, wish: Uuid) -> Result<(), ModuleError> {
        self.0.ask(AccountsAsked::SwitchOff { user, wish }).await
    }

    pub(crate) async fn switch_on(&self, user: Uuid, wish: Uuid) -> Result<(), ModuleError> {
        self.0.ask(AccountsAsked::SwitchOn { user, wish }).await
    }

    pub(crate) async fn revoke_keys(&self, user: Uuid) -> Result<(), ModuleError> {
        self.0.ask(AccountsAsked::RevokeKeys { user }).await
    }

    pub(crate) async fn forget(&self, user: Uuid) -> Result<(), ModuleError> {
        self.0.ask(AccountsAsked::Forget { user }).await
    }
}
