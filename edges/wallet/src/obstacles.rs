//! What keeps a wallet, or one account of it, open: money, payments, requests, agreements, and a freeze.
//!
//! Each module is asked for what it knows. What happens when nothing keeps it open is in `leaving` and
//! `account_closing`.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::effect_error::EffectError;
use crate::modules::Modules;

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

/// What keeps this open.
pub(crate) async fn found(modules: &Modules, user: Uuid, whole: Whole) -> Result<Vec<Obstacle>, EffectError> {
    let mut found = modules.accounts.obstacles(user, whole).await?;
    let accounts = modules.accounts.of_user(user).await?.into_iter().filter(|held| whole.has(held.account.id));
    let addresses = accounts.filter_map(|held| held.account.wallet_address_url).collect();
    if modules.agreements.any_live(user, addresses).await? {
        found.push(Obstacle::Agreements);
    }
    if found.is_empty() {
        found.extend(modules.accounts.late(user, whole).await?);
    }
    Ok(found)
}
