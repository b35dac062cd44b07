//! What pages ask authenticators. A question is stored for the session or browser that asked, ends soon, and is answered
//! once.
//!
//! What an answer has to be is decided in `webauthn`.

use std::time::Duration;

use clock::Timestamp;
use database::{Database, Error};
use uuid::Uuid;

use super::sessions::hash_of;
use crate::sql::one;

/// An answer has to come within this time.
pub(crate) const WITHIN: Duration = Duration::from_mins(5);

/// Who asked, and what for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Holder<'a> {
    /// A session that adds a passkey.
    Adding(Uuid),
    /// A session that proves who uses it.
    Proving(Uuid),
    /// Somebody who has given the password, with the token that stands for it.
    Half(&'a str),
    /// A browser in which nobody is signed in, with the token in its cookie.
    Browser(&'a str),
}

impl Holder<'_> {
    fn key(&self) -> String {
        match self {
            Self::Adding(session) => format!("adding {session}"),
            Self::Proving(session) => format!("proving {session}"),
            Self::Half(token) => format!("half {}", hash_of(token)),
            Self::Browser(token) => format!("browser {}", hash_of(token)),
        }
    }
}

/// Stores a question in place of an earlier one.
pub(super) async fn ask(database: &Database, holder: Holder<'_>, challenge: &str, now: Timestamp) -> Result<(), Error> {
    forget_old(database, now).await?;
    let sql = "INSERT INTO wallet_passkey_questions (holder, challenge, expires_at) VALUES ($1, $2, $3)
        ON CONFLICT (holder) DO UPDATE SET challenge = excluded.challenge, expires_at = excluded.expires_at";
    let values = [holder.key().into(), challenge.into(), now.saturating_add(WITHIN).as_millis().into()];
    database.execute(sql, values).await.map(drop)
}

/// Takes the question, whatever comes of its answer. `None` if there is none, or if it has ended.
pub(super) async fn take(database: &Database, holder: Holder<'_>, now: Timestamp) -> Result<Option<String>, Error> {
    let transaction = database.begin().await?;
    let sql = "DELETE FROM wallet_passkey_questions WHERE holder = $1 RETURNING challenge, expires_at";
    let row = one(&transaction, sql, [holder.key().into()]).await?;
    transaction.commit().await?;
    let Some(row) = row else { return Ok(None) };
    let expires_at: i64 = row.try_get_by_index(1)?;
    Ok((expires_at > now.as_millis()).then_some(row.try_get_by_index(0)?))
}

async fn forget_old(database: &Database, now: Timestamp) -> Result<(), Error> {
    let sql = "DELETE FROM wallet_passkey_questions WHERE expires_at <= $1";
    database.execute(sql, [now.as_millis().into()]).await.map(drop)
}
