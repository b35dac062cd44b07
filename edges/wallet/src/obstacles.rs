//! What keeps a wallet, or one account of it, open: money, payments, requests, agreements, and a freeze.
//!
//! Each module is asked for what it knows. What happens when nothing keeps it open is in `leaving` and
//! `account_closing`.

use uuid::Uuid;

use crate::effect_error::EffectError;
use crate::modules::Modules;
pub(crate) use crate::modules::{Obstacle, Whole};

/// What keeps this open.
pub(crate) async fn found(modules: &Modules, user: Uuid, whole: Whole) -> Result<Vec<Obstacle>, EffectError> {
    // The payments first: what they have begun since is refused, because no money leaves the accounts any more, and what
    // they began before is seen in the accounts.
    let mut found = modules.payments.obstacles(user, whole).await?;
    found.extend(modules.accounts.obstacles(user, whole).await?);
    let accounts = modules.accounts.of_user(user).await?.into_iter().filter(|held| whole.has(held.account.id));
    let addresses = accounts.filter_map(|held| held.account.wallet_address_url).collect();
    if modules.agreements.any_live(user, addresses).await? {
        found.push(Obstacle::Agreements);
    }
    if found.is_empty() {
        found.extend(modules.payments.late(user, whole).await?);
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}
