//! What other modules ask the accounts: balances, and to hold, debit and credit money under ids of their causes.
//!
//! The answers are made in `accounts_here`. What decides about money is decided there, under one lock.

use std::collections::BTreeMap;

use clock::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::link::{ModuleError, Port};
use super::obstacle::{Obstacle, Whole};
use crate::account_state::{AccountState, Shut};
use crate::held::Held;
use crate::history::{Movement, Movements, Side, Spending};
use crate::holds::HoldRow;
use crate::operators::LowLiquidity;
use crate::store::AccountRow;

/// Whether the money of a payment is held for it, before the payment is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kept {
    Yes,
    NotEnough,
    /// The payment was given up before.
    GivenUp,
}

/// Whether a payment gets its money, which is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Reserved {
    Yes,
    NotEnough,
    /// No money leaves the account. The caller says so to the agreements, and then that it is released.
    Shut(Shut),
    GivenUp,
    /// The payment has ended and is settled.
    Ended,
    /// Another process is about to decide.
    Undecided,
}

/// What a payment cost that has ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Cost {
    pub(crate) payment: Uuid,
    pub(crate) account: Uuid,
    pub(crate) sent: u64,
    pub(crate) fee: u64,
    /// How it is written into the history.
    pub(crate) movement: Movement,
}

/// A question to the accounts.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AccountsAsked {
    /// The accounts of a user with their balances.
    OfUser { user: Uuid },
    /// All accounts of a user, also those that are closed.
    EveryOfUser { user: Uuid },
    /// The account with this wallet address.
    WithAddress { address: Uuid },
    /// The account with this path.
    WithPath { path: String },
    /// How an account stands.
    StateOf { account: Uuid },
    /// The newest payments under a grant.
    Under { user: Uuid, grant: String, limit: u32 },
    /// What payments under a grant have used of a limit.
    Used { user: Uuid, grant: String, account: Option<Uuid>, side: Side, period: Option<(Timestamp, Timestamp)> },
    /// What has come for these incoming payments, as far as it was credited.
    Came { payments: Vec<Uuid> },
    /// Gives an account of the seed to a user. Answers whether there is such an account.
    Give { path: String, user: Uuid },
    /// Makes the wallet address of the account with this path, if there is such an account.
    MakeAddress { path: String },
    /// What is held for a payment.
    HoldOf { payment: Uuid },
    /// Stores the terms of a payment, unless there are some. Answers those that count.
    Open { hold: HoldRow },
    /// Holds the money of a payment that is about to be made.
    Keep { hold: HoldRow },
    /// Holds the money of a payment, and decides that the payment gets it.
    Reserve { hold: HoldRow },
    /// Decides that a payment that nobody has funded is not made, and lets its money go back. Answers whether that is so.
    GiveUp { payment: Uuid },
    /// The instance has not made the payment, and never will. Its money goes back.
    NotMade { payment: Uuid },
    /// Everybody knows that the money of this payment went back.
    Released { payment: Uuid },
    /// The same of a payment that the instance does not know.
    NeverMade { payment: Uuid },
    /// Debits what a payment cost, and releases the rest.
    Settle { cost: Cost },
    /// Everybody knows what this payment cost.
    Settled { payment: Uuid },
    /// Credits what has come. `cause` is the incoming payment, or the event of streamed money.
    Credit { cause: Uuid, movement: Movement },
    /// Writes into the history.
    Record { movement: Movement },
    /// What the instance counts of a payment that has ended.
    Counts { payment: Uuid, debit: Option<u64>, receive: Option<u64> },
    /// Open holds that nobody has looked at since `before`. From now on they count as looked at.
    TakeOld { before: Timestamp, now: Timestamp, limit: u32 },
    /// The instance has told of low liquidity.
    Low { told: LowLiquidity },
    /// What keeps the wallet of a user or an account open, as far as it is known here.
    Obstacles { user: Uuid, whole: Whole },
    /// Switches the addresses of a user off, because of this wish to leave.
    SwitchOff { user: Uuid, wish: Uuid },
    /// Switches on what was switched off because of the wish.
    SwitchOn { user: Uuid, wish: Uuid },
    /// Revokes the keys of a user's addresses.
    RevokeKeys { user: Uuid },
    /// Forgets what identifies a user whose wallet is closed.
    Forget { user: Uuid },
}

/// The way to the accounts.
#[derive(Clone)]
pub(crate) struct Accounts(pub(crate) Port<AccountsAsked>);

impl Accounts {
    pub(crate) async fn of_user(&self, user: Uuid) -> Result<Vec<Held>, ModuleError> {
        self.0.ask(AccountsAsked::OfUser { user }).await
    }

    pub(crate) async fn every_of_user(&self, user: Uuid) -> Result<Vec<AccountRow>, ModuleError> {
        self.0.ask(AccountsAsked::EveryOfUser { user }).await
    }

    pub(crate) async fn with_address(&self, address: Uuid) -> Result<Option<AccountRow>, ModuleError> {
        self.0.ask(AccountsAsked::WithAddress { address }).await
    }

    pub(crate) async fn with_path(&self, path: &str) -> Result<Option<AccountRow>, ModuleError> {
        self.0.ask(AccountsAsked::WithPath { path: path.to_owned() }).await
    }

    pub(crate) async fn state_of(&self, account: Uuid) -> Result<Option<AccountState>, ModuleError> {
        self.0.ask(AccountsAsked::StateOf { account }).await
    }

    pub(crate) async fn under(&self, user: Uuid, grant: &str, limit: u32) -> Result<Movements, ModuleError> {
        self.0.ask(AccountsAsked::Under { user, grant: grant.to_owned(), limit }).await
    }

    pub(crate) async fn used(&self, user: Uuid, spending: &Spending<'_>) -> Result<u64, ModuleError> {
        let Spending { grant, account, side, period } = *spending;
        self.0.ask(AccountsAsked::Used { user, grant: grant.to_owned(), account, side, period }).await
    }

    pub(crate) async fn came(&self, payments: Vec<Uuid>) -> Result<BTreeMap<Uuid, u64>, ModuleError> {
        if payments.is_empty() {
            return Ok(BTreeMap::new());
        }
        self.0.ask(AccountsAsked::Came { payments }).await
    }

    pub(crate) async fn give(&self, path: &str, user: Uuid) -> Result<bool, ModuleError> {
        self.0.ask(AccountsAsked::Give { path: path.to_owned(), user }).await
    }

    pub(crate) async fn make_address(&self, path: String) -> Result<(), ModuleError> {
        self.0.ask(AccountsAsked::MakeAddress { path }).await
    }

    pub(crate) async fn hold_of(&self, payment: Uuid) -> Result<Option<HoldRow>, ModuleError> {
        self.0.ask(AccountsAsked::HoldOf { payment }).await
    }

    pub(crate) async fn open(&self, hold: HoldRow) -> Result<HoldRow, ModuleError> {
        self.0.ask(AccountsAsked::Open { hold }).await
    }

    pub(crate) async fn keep(&self, hold: HoldRow) -> Result<Kept, ModuleError> {
        self.0.ask(AccountsAsked::Keep { hold }).await
    }

    pub(crate) async fn reserve(&self, hold: HoldRow) -> Result<Reserved, ModuleError> {
        self.0.ask(AccountsAsked::Reserve { hold }).await
    }

    pub(crate) async fn give_up(&self, payment: Uuid) -> Result<bool, ModuleError> {
        self.0.ask(AccountsAsked::GiveUp { payment }).await
    }

    pub(crate) async fn not_made(&self, payment: Uuid) -> Result<(), ModuleError> {
        self.0.ask(AccountsAsked::NotMade { payment }).await
    }

    pub(crate) async fn released(&self, payment: Uuid) -> Result<(), ModuleError> {
        self.0.ask(AccountsAsked::Released { payment }).await
    }

    pub(crate) async fn never_made(&self, payment: Uuid) -> Result<(), ModuleError> {
        self.0.ask(AccountsAsked::NeverMade { payment }).await
    }

    pub(crate) async fn settle(&self, cost: Cost) -> Result<(), ModuleError> {
        self.0.ask(AccountsAsked::Settle { cost }).await
    }

    pub(crate) async fn settled(&self, payment: Uuid) -> Result<(), ModuleError> {
        self.0.ask(AccountsAsked::Settled { payment }).await
    }

    pub(crate) async fn credit(&self, cause: Uuid, movement: Movement) -> Result<(), ModuleError> {
        self.0.ask(AccountsAsked::Credit { cause, movement }).await
    }

    pub(crate) async fn record(&self, movement: Movement) -> Result<(), ModuleError> {
        self.0.ask(AccountsAsked::Record { movement }).await
    }

    pub(crate) async fn counts(
        &self,
        payment: Uuid,
        debit: Option<u64>,
        receive: Option<u64>,
    ) -> Result<(), ModuleError> {
        self.0.ask(AccountsAsked::Counts { payment, debit, receive }).await
    }

    pub(crate) async fn take_old(
        &self,
        before: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<HoldRow>, ModuleError> {
        self.0.ask(AccountsAsked::TakeOld { before, now, limit }).await
    }

    pub(crate) async fn low(&self, told: LowLiquidity) -> Result<(), ModuleError> {
        self.0.ask(AccountsAsked::Low { told }).await
    }

    pub(crate) async fn obstacles(&self, user: Uuid, whole: Whole) -> Result<Vec<Obstacle>, ModuleError> {
        self.0.ask(AccountsAsked::Obstacles { user, whole }).await
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
