//! An account of a user with its balance, as pages and modules show it.
//!
//! Which user may reach which account is decided in `customers`.

use serde::{Deserialize, Serialize};

use crate::account_state::{AccountState, Life, Shut};
use crate::ledger_book::Balance;
use crate::store::AccountRow;

/// An account with its balance.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Held {
    pub(crate) account: AccountRow,
    pub(crate) balance: Balance,
    /// Whether money may leave it.
    pub(crate) state: AccountState,
}

impl Held {
    /// What can be spent now.
    pub(crate) fn available(&self) -> u64 {
        let held = i128::try_from(self.balance.held).unwrap_or(i128::MAX);
        u64::try_from(self.balance.posted.saturating_sub(held)).unwrap_or(0)
    }

    pub(crate) fn is_closing(&self) -> bool {
        matches!(self.state.life, Life::Closing | Life::Staying)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.life == Life::Closed
    }

    /// In one word, if no money leaves it.
    pub(crate) fn badge(&self) -> Option<&'static str> {
        self.state.shut().map(|shut| match shut {
            Shut::Frozen => "Frozen",
            Shut::Closed if self.is_closed() => "Closed",
            Shut::Closed => "Being closed",
        })
    }

    /// What is held for payments under way.
    pub(crate) fn reserved(&self) -> u64 {
        u64::try_from(self.balance.held).unwrap_or(u64::MAX)
    }
}
