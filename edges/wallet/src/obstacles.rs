//! What keeps a wallet, or one account of it, open: money, payments, requests, agreements, and a freeze.
//!
//! What happens when nothing keeps it open is in `leaving` and `account_closing`.

use admin_client::AdminClient;
use uuid::Uuid;

use crate::account_state::Life;
use crate::challenges::agreements::{self, OAuthAgreement, Stage};
use crate::consent::account_of;
use crate::customers::{Customer, Held};
use crate::effect_error::EffectError;
use crate::effects::Effects;
use crate::grants::{self, Which};
use crate::requests::{self, Late};
use crate::sql::read;

/// What keeps a wallet or an account open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whole {
    Wallet,
    Account(Uuid),
}

impl Whole {
    fn has(self, account: Uuid) -> bool {
        match self {
            Self::Wallet => true,
            Self::Account(only) => only == account,
        }
    }
}

/// What keeps this open. `grants` is the API that has the agreements.
pub(crate) async fn found(
    effects: &Effects,
    grants: Option<&AdminClient>,
    customer: &Customer,
    whole: Whole,
) -> Result<Vec<Obstacle>, EffectError> {
    let (database, user) = (effects.store.database(), customer.user());
    let mut accounts = customer.accounts().await?;
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
    note(Obstacle::Payments, is_under_way || is_paying(effects, user, whole).await?);
    let is_asking = requests::open_accounts(database, user, effects.clock.now()).await?;
    note(Obstacle::Requests, is_asking.into_iter().any(|account| whole.has(account)));
    let is_closing = |held: &Held| matches!(held.state.life, Life::Closing | Life::Staying);
    note(Obstacle::Closing, whole == Whole::Wallet && accounts.iter().any(is_closing));

    let by_oauth = agreements::of_user(database, user).await?;
    let is_about = |agreement: &OAuthAgreement| {
        let items = agreement.items();
        agreement.stage != Stage::Ended && items.iter().any(|item| account_of(&accounts, item).is_some())
    };
    if by_oauth.iter().any(is_about) {
        found.push(Obstacle::Agreements);
    } else if let Some(admin) = grants {
        let allowed = grants::allowed(database, user).await?;
        for address in accounts.iter().filter_map(|held| held.account.wallet_address_url.as_ref()) {
            if !grants::about(admin, address, Which::Live, &allowed).await?.is_empty() {
                found.push(Obstacle::Agreements);
                break;
            }
        }
    }
    if found.is_empty() {
        let late = requests::late(effects, user, |account| whole.has(account)).await?;
        found.extend(late.map(|late| match late {
            Late::Open => Obstacle::Requests,
            Late::Arriving => Obstacle::Arriving,
        }));
    }
    Ok(found)
}

async fn is_paying(effects: &Effects, user: Uuid, whole: Whole) -> Result<bool, database::Error> {
    let sql = "SELECT DISTINCT account_id FROM wallet_sends WHERE user_id = $1 AND state = 'confirmed'
        UNION SELECT DISTINCT m.account_id FROM wallet_movements m JOIN wallet_accounts a ON a.id = m.account_id
            WHERE a.user_id = $1 AND m.state IN ('starting', 'sending')";
    for row in read(effects.store.database(), sql, [user.into()]).await? {
        if whole.has(row.try_get_by_index(0)?) {
            return Ok(true);
        }
    }
    Ok(false)
}
