//! The accounts of customers, as operators look them up to freeze them.
//!
//! How an account stands is in `account_state`. Balances and movements are not shown to operators here.

use database::Error;
use sea_orm::{QueryResult, Value};
use uuid::Uuid;

use crate::effect_error::EffectError;
use crate::effects::Effects;
use crate::sql::read;

/// The most accounts that are shown at once.
const AT_ONCE: u32 = 50;

/// An account, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FoundAccount {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    /// Its wallet address, or its path while it has none.
    pub(crate) address: String,
    /// The e-mail address of its owner; `None` if it has none, or the owner's wallet is closed.
    pub(crate) owner: Option<String>,
}

const FOUND: &str = "SELECT a.id, a.name, COALESCE(a.wallet_address_url, a.path), a.user_id FROM wallet_accounts a";

/// The accounts with this wallet address, or of the user with this e-mail address.
pub(crate) async fn called(effects: &Effects, written: &str) -> Result<Vec<FoundAccount>, EffectError> {
    let name = written.trim().to_lowercase();
    let address = name.strip_prefix('$').map_or_else(|| name.clone(), |pointer| format!("https://{pointer}"));
    let address = address.trim_end_matches('/').to_owned();
    let user = effects.modules.users.with_email(&name).await?;
    several(effects, "LOWER(a.wallet_address_url) = $1 OR a.user_id = $2", vec![address.into(), user.into()]).await
}

/// The accounts that an operator or their owner has frozen.
pub(crate) async fn frozen(effects: &Effects) -> Result<Vec<FoundAccount>, EffectError> {
    several(effects, "a.frozen_by_operator_at IS NOT NULL OR a.frozen_by_owner_at IS NOT NULL", Vec::new()).await
}

/// One account.
pub(crate) async fn account(effects: &Effects, id: Uuid) -> Result<Option<FoundAccount>, EffectError> {
    Ok(several(effects, "a.id = $1", vec![id.into()]).await?.pop())
}

async fn several(effects: &Effects, which: &str, values: Vec<Value>) -> Result<Vec<FoundAccount>, EffectError> {
    let sql = format!("{FOUND} WHERE {which} ORDER BY a.path LIMIT {AT_ONCE}");
    let rows = read(effects.store.database(), &sql, values).await?;
    let rows = rows.iter().map(found).collect::<Result<Vec<_>, Error>>()?;
    let users = rows.iter().filter_map(|(_, user)| *user).collect();
    let emails = effects.modules.users.emails_of(users).await?;
    let owner = |user: Option<Uuid>| user.and_then(|user| emails.get(&user).cloned());
    Ok(rows.into_iter().map(|(found, user)| FoundAccount { owner: owner(user), ..found }).collect())
}

/// An account without its owner's address, and who that is.
fn found(row: &QueryResult) -> Result<(FoundAccount, Option<Uuid>), Error> {
    let found = FoundAccount {
        id: row.try_get_by_index(0)?,
        name: row.try_get_by_index(1)?,
        address: row.try_get_by_index(2)?,
        owner: None,
    };
    Ok((found, row.try_get_by_index(3)?))
}
