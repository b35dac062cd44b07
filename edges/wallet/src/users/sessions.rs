//! Who is signed in where. A session is stored under the hash of its token, which only the browser has.
//!
//! It ends without use, after its whole time, or when its user ends it.

use std::time::Duration;

use clock::Timestamp;
use database::{Database, Dialect, Error, WriteTransaction};
use sea_orm::QueryResult;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::UserRow;
use crate::sql::{execute, read, read_one};

/// The last use is stored again after this time.
const SEEN_AFTER: Duration = Duration::from_secs(30);

/// How long a session lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Without a request.
    pub idle: Duration,
    /// In total.
    pub absolute: Duration,
}

/// Where somebody signs in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Visitor {
    pub(crate) device: String,
    pub(crate) address: String,
}

/// A user who is signed in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) id: Uuid,
    pub(crate) user: Uuid,
    pub(crate) name: String,
    pub(crate) email: String,
    /// Known to the browser only. Tokens of forms are made with it.
    pub(crate) token: String,
}

/// A session in the list of its user.
#[derive(Clone, Debug)]
pub(crate) struct SessionRow {
    pub(crate) id: Uuid,
    pub(crate) device: String,
    pub(crate) address: String,
    pub(crate) created_at: Timestamp,
    pub(crate) seen_at: Timestamp,
}

/// The form in which a token is stored.
pub(crate) fn hash_of(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// Begins a session of an active user who still has the password that was read. Returns whether it has begun.
pub(crate) async fn begin(
    transaction: &WriteTransaction,
    (id, token): (Uuid, &str),
    user: &UserRow,
    visitor: &Visitor,
    now: Timestamp,
) -> Result<bool, Error> {
    // The lock makes a change of the password wait, or be seen. SQLite has one writer at a time.
    let lock = match transaction.dialect() {
        Dialect::Sqlite => "",
        Dialect::Postgres => " FOR SHARE",
    };
    let sql = format!(
        "INSERT INTO wallet_sessions (token, id, user_id, device, address, created_at, seen_at)
        SELECT $1, $2, id, $4, $5, $6, $6 FROM wallet_users WHERE id = $3 AND password = $7 AND state = 'active'{lock}"
    );
    let values = [
        hash_of(token).into(),
        id.into(),
        user.id.into(),
        visitor.device.as_str().into(),
        visitor.address.as_str().into(),
        now.as_millis().into(),
        user.password.as_str().into(),
    ];
    Ok(execute(transaction, &sql, values).await? > 0)
}

/// The session of a token, if it has not ended.
pub(crate) async fn find(
    database: &Database,
    token: &str,
    lifetimes: Lifetimes,
    now: Timestamp,
) -> Result<Option<Session>, Error> {
    let sql = "SELECT s.id, s.user_id, u.name, u.email, s.seen_at FROM wallet_sessions s
        JOIN wallet_users u ON u.id = s.user_id
        WHERE s.token = $1 AND s.seen_at > $2 AND s.created_at > $3 AND u.state = 'active'";
    let (idle, absolute) = (now.saturating_sub(lifetimes.idle), now.saturating_sub(lifetimes.absolute));
    let values = [hash_of(token).into(), idle.as_millis().into(), absolute.as_millis().into()];
    let Some(row) = read_one(database, sql, values).await? else { return Ok(None) };
    let seen_at = Timestamp::from_millis(row.try_get_by_index(4)?);
    if seen_at.saturating_add(SEEN_AFTER) <= now {
        let seen = "UPDATE wallet_sessions SET seen_at = $2 WHERE token = $1 AND seen_at < $2";
        database.execute(seen, [hash_of(token).into(), now.as_millis().into()]).await?;
    }
    Ok(Some(Session {
        id: row.try_get_by_index(0)?,
        user: row.try_get_by_index(1)?,
        name: row.try_get_by_index(2)?,
        email: row.try_get_by_index(3)?,
        token: token.to_owned(),
    }))
}

/// The sessions of a user that have not ended, the last used first.
pub(crate) async fn list(
    database: &Database,
    user: Uuid,
    lifetimes: Lifetimes,
    now: Timestamp,
) -> Result<Vec<SessionRow>, Error> {
    let sql = "SELECT id, device, address, created_at, seen_at FROM wallet_sessions
        WHERE user_id = $1 AND seen_at > $2 AND created_at > $3 ORDER BY seen_at DESC LIMIT 100";
    let (idle, absolute) = (now.saturating_sub(lifetimes.idle), now.saturating_sub(lifetimes.absolute));
    let rows = read(database, sql, [user.into(), idle.as_millis().into(), absolute.as_millis().into()]).await?;
    rows.iter().map(row).collect()
}

fn row(row: &QueryResult) -> Result<SessionRow, Error> {
    Ok(SessionRow {
        id: row.try_get_by_index(0)?,
        device: row.try_get_by_index(1)?,
        address: row.try_get_by_index(2)?,
        created_at: Timestamp::from_millis(row.try_get_by_index(3)?),
        seen_at: Timestamp::from_millis(row.try_get_by_index(4)?),
    })
}

/// Ends one session of a user.
pub(crate) async fn end(database: &Database, user: Uuid, session: Uuid) -> Result<(), Error> {
    let sql = "DELETE FROM wallet_sessions WHERE user_id = $1 AND id = $2";
    database.execute(sql, [user.into(), session.into()]).await.map(drop)
}

/// Ends all sessions of a user but this one.
pub(crate) async fn end_others(database: &Database, user: Uuid, session: Uuid) -> Result<(), Error> {
    let sql = "DELETE FROM wallet_sessions WHERE user_id = $1 AND id <> $2";
    database.execute(sql, [user.into(), session.into()]).await.map(drop)
}

/// Removes sessions that have ended.
pub(crate) async fn forget_old(database: &Database, lifetimes: Lifetimes, now: Timestamp) -> Result<(), Error> {
    let sql = "DELETE FROM wallet_sessions WHERE seen_at <= $1 OR created_at <= $2";
    let (idle, absolute) = (now.saturating_sub(lifetimes.idle), now.saturating_sub(lifetimes.absolute));
    database.execute(sql, [idle.as_millis().into(), absolute.as_millis().into()]).await.map(drop)
}
