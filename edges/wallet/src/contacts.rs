//! People whom a customer pays: a name of the customer's own choice, and a wallet address.
//!
//! Nothing of it is sent anywhere.

use std::collections::BTreeMap;
use std::iter;

use clock::Timestamp;
use database::{Database, Error};
use outside_text::check_line;
use sea_orm::QueryResult;
use uuid::Uuid;

use crate::history::pattern;
use crate::sql::{execute, one, read, read_one};

const NAME_MAX: usize = 80;
/// The most contacts of one user.
const CONTACTS_MAX: i64 = 500;
/// The most addresses in one statement.
const AT_ONCE: usize = 500;

/// A contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contact {
    pub(crate) id: Uuid,
    pub(crate) url: String,
    pub(crate) name: String,
}

/// Why a contact is not kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContactError {
    #[error("Write a name with at most 80 characters.")]
    Name,
    #[error("You have this address already, under another name.")]
    Known,
    #[error("You have as many contacts as one person may have.")]
    TooMany,
    #[error(transparent)]
    Store(#[from] Error),
}

/// The contacts of a user, those that were paid last first.
pub(crate) async fn list(database: &Database, user: Uuid, limit: u32) -> Result<Vec<Contact>, Error> {
    let sql =
        format!("SELECT id, url, name FROM wallet_contacts WHERE user_id = $1 ORDER BY used_at DESC, id LIMIT {limit}");
    read(database, &sql, [user.into()]).await?.iter().map(contact).collect()
}

/// The names that a user gave to these addresses.
pub(crate) async fn names(
    database: &Database,
    user: Uuid,
    addresses: &[String],
) -> Result<BTreeMap<String, String>, Error> {
    let mut names = BTreeMap::new();
    for some in addresses.chunks(AT_ONCE) {
        let places: Vec<String> = (2..some.len() + 2).map(|number| format!("${number}")).collect();
        let sql =
            format!("SELECT url, name FROM wallet_contacts WHERE user_id = $1 AND url IN ({})", places.join(", "));
        let values = iter::once(user.into()).chain(some.iter().map(|address| address.as_str().into()));
        for row in read(database, &sql, values).await? {
            names.insert(row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        }
    }
    Ok(names)
}

/// The addresses to which a user gave a name with this text in it.
pub(crate) async fn called(database: &Database, user: Uuid, text: &str) -> Result<Vec<String>, Error> {
    let sql = "SELECT url FROM wallet_contacts WHERE user_id = $1 AND LOWER(name) LIKE $2 ESCAPE '!'";
    let rows = read(database, sql, [user.into(), pattern(text).into()]).await?;
    rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}

/// One contact of a user.
pub(crate) async fn find(database: &Database, user: Uuid, id: Uuid) -> Result<Option<Contact>, Error> {
    let sql = "SELECT id, url, name FROM wallet_contacts WHERE user_id = $1 AND id = $2";
    read_one(database, sql, [user.into(), id.into()]).await?.as_ref().map(contact).transpose()
}

fn contact(row: &QueryResult) -> Result<Contact, Error> {
    Ok(Contact { id: row.try_get_by_index(0)?, url: row.try_get_by_index(1)?, name: row.try_get_by_index(2)? })
}

/// Keeps a contact. A repetition with the same id changes its name.
pub(crate) async fn keep(
    database: &Database,
    user: Uuid,
    wanted: &Contact,
    now: Timestamp,
) -> Result<(), ContactError> {
    let name = wanted.name.trim();
    if name.is_empty() || check_line(name, NAME_MAX).is_err() {
        return Err(ContactError::Name);
    }
    let transaction = database.begin().await?;
    let others = "SELECT COUNT(*) FROM wallet_contacts WHERE user_id = $1 AND id <> $2";
    let count = one(&transaction, others, [user.into(), wanted.id.into()]).await?;
    let count: i64 = count.map(|row| row.try_get_by_index(0)).transpose().map_err(Error::from)?.unwrap_or(0);
    let other = "SELECT id FROM wallet_contacts WHERE user_id = $1 AND url = $2 AND id <> $3";
    if count >= CONTACTS_MAX {
        return Err(ContactError::TooMany);
    }
    let values = [user.into(), wanted.url.as_str().into(), wanted.id.into()];
    if one(&transaction, other, values).await?.is_some() {
        return Err(ContactError::Known);
    }
    let sql = "INSERT INTO wallet_contacts (id, user_id, url, name, used_at) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (id) DO UPDATE SET name = excluded.name WHERE wallet_contacts.user_id = excluded.user_id";
    let values = [wanted.id.into(), user.into(), wanted.url.as_str().into(), name.into(), now.as_millis().into()];
    execute(&transaction, sql, values).await?;
    Ok(transaction.commit().await?)
}

/// Forgets a contact.
pub(crate) async fn forget(database: &Database, user: Uuid, id: Uuid) -> Result<(), Error> {
    let sql = "DELETE FROM wallet_contacts WHERE user_id = $1 AND id = $2";
    database.execute(sql, [user.into(), id.into()]).await.map(drop)
}

/// Notes that a payment to this address was begun.
pub(crate) async fn used(database: &Database, user: Uuid, url: &str, now: Timestamp) -> Result<(), Error> {
    let sql = "UPDATE wallet_contacts SET used_at = $3 WHERE user_id = $1 AND url = $2";
    database.execute(sql, [user.into(), url.into(), now.as_millis().into()]).await.map(drop)
}
