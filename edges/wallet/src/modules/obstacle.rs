//! What keeps a wallet or an account open, as modules tell each other.
//!
//! They are asked in `obstacles`, beside this folder.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

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

/// What keeps a wallet or an account open, in the order in which it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Obstacle {
    /// An operator has frozen the account.
    Frozen,
    Money,
    Payments,
    Requests,
    /// An account of the wallet is being closed.
    Closing,
    Agreements,
    /// Money for a request has come to the instance, and is not credited yet.
    Arriving,
}
