//! The accounts of customers, as operators look them up to freeze them.
//!
//! How an account stands is in `account_state`. Balances and movements are not shown to operators here.

use database::{Database, Error};
use sea_orm::{QueryResult, Value};
use uuid::Uuid;

use crate::sql::{read, read_one};

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

const FOUND: &str = "SELECT a.id, a.name, COALESCE(a.wallet_address_url, a.path), u.email
    FROM wallet_accounts a LEFT JOIN wallet_users u ON u.id = a.user_id AND u.state <> 'closed'";

/// The accounts with this wallet address, or of the user with this e-mail address.
pub(crate) async fn called(database: &Database, written: &str) -> Result<Vec<FoundAccount>, Error> {
    let name = written.trim().to_lowercase();
    let address = name.strip_prefix('$').map_or_else(|| name.clone(), |pointer| format!("https://{pointer}"));
    let address = address.trim_end_matches('/').to_owned();
    several(database, "LOWER(a.wallet_address_url) = $1 OR u.email = $2", vec![address.into(), name.into()]).await
}

/// The accounts that an operator or their owner has frozen.
pub(crate) async fn frozen(database: &Database) -> Result<Vec<FoundAccount>, Error> {
    let are = "a.frozen_by_operator_at IS NOT NULL OR a.frozen_by_owner_at IS NOT NULL";
    several(database, are, Vec::new()).await
}

async fn several(database: &Database, which: &str, values: Vec<Value>) -> Result<Vec<FoundAccount>, Error> {
    let sql = format!("{FOUND} WHERE {which} ORDER BY a.path LIMIT {AT_ONCE}");
    read(database, &sql, values).await?.iter().map(found).collect()
}

/// One account.
pub(crate) async fn account(database: &Database, id: Uuid) -> Result<Option<FoundAccount>, Error> {
    let sql = format!("{FOUND} WHERE a.id = $1");
    read_one(database, &sql, [id.into()]).await?.as_ref().map(found).transpose()
}

fn found(row: &QueryResult) -> Result<FoundAccount, Error> {
    Ok(FoundAccount {
        id: row.try_get_by_index(0)?,
        name: row.try_get_by_index(1)?,
        address: row.try_get_by_index(2)?,
        owner: row.try_get_by_index(3)?,
    })
}
