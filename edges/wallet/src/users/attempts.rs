//! Counts attempts to sign in, so that passwords and codes cannot be guessed, and letters, so that nobody is flooded.
//!
//! An attempt is counted before the password is compared. So attempts that are made at the same time, at several
//! processes, are all counted. The pause grows with every attempt above the limit.

use std::time::Duration;

use clock::Timestamp;
use database::{Database, Error};

use crate::sql::read_one;

/// Attempts are forgotten after this time.
const WINDOW: Duration = Duration::from_mins(15);
const PAUSE: Duration = Duration::from_mins(1);
/// For one e-mail address.
const LIMIT_OF_USER: i64 = 5;
/// Letters that one address is sent because somebody asked for them.
const LIMIT_OF_LETTERS: i64 = 3;
/// For one network address.
const LIMIT_OF_SOURCE: i64 = 30;

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject<'a> {
    /// A user, by e-mail address, whether it exists or not.
    User(&'a str),
    /// Where a request comes from.
    Source(&'a str),
    /// Where new users come from. Each costs a hash and a row.
    SigningUp(&'a str),
    /// Letters to an e-mail address, whether it is in use or not.
    Letters(&'a str),
    /// Where links for a new password are asked for and used. Each use costs a hash.
    Resetting(&'a str),
    /// Codes of a user with a second factor, by id.
    Code(&'a str),
    /// Where passkeys are asked for before anybody is known.
    Asking(&'a str),
    /// Passkeys of a user, by id.
    Passkey(&'a str),
}

impl Subject<'_> {
    fn key(&self) -> String {
        match self {
            Self::User(email) => format!("user {email}"),
            Self::Source(address) => format!("source {address}"),
            Self::SigningUp(address) => format!("signing up {address}"),
            Self::Letters(email) => format!("letters {email}"),
            Self::Resetting(address) => format!("resetting {address}"),
            Self::Code(user) => format!("code {user}"),
            Self::Asking(address) => format!("asking {address}"),
            Self::Passkey(user) => format!("passkey {user}"),
        }
    }

    fn limit(&self) -> i64 {
        match self {
            Self::User(_) | Self::Code(_) | Self::Passkey(_) => LIMIT_OF_USER,
            Self::Letters(_) => LIMIT_OF_LETTERS,
            Self::Source(_) | Self::SigningUp(_) | Self::Resetting(_) | Self::Asking(_) => LIMIT_OF_SOURCE,
        }
    }
}

/// An attempt may be made, or the subject has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    Granted,
    Paused(Duration),
}

const COUNT: &str = "INSERT INTO wallet_attempts (subject, made, since, paused_until) VALUES ($1, 1, $2, 0)
    ON CONFLICT (subject) DO UPDATE SET
        made = CASE WHEN wallet_attempts.since <= $3 THEN 1 ELSE wallet_attempts.made + 1 END,
        since = CASE WHEN wallet_attempts.since <= $3 THEN $2 ELSE wallet_attempts.since END,
        paused_until = CASE WHEN wallet_attempts.since <= $3 OR wallet_attempts.made + 1 < $4 THEN 0
            ELSE $2 + $5 * (wallet_attempts.made + 2 - $4) END
    WHERE wallet_attempts.paused_until <= $2";

/// Counts an attempt, unless the subject has to wait.
pub(crate) async fn claim(database: &Database, subject: Subject<'_>, now: Timestamp) -> Result<Claim, Error> {
    let (key, now_ms) = (subject.key(), now.as_millis());
    let values = [
        key.as_str().into(),
        now_ms.into(),
        now_ms.saturating_sub(millis(WINDOW)).into(),
        subject.limit().into(),
        millis(PAUSE).into(),
    ];
    if database.execute(COUNT, values).await? > 0 {
        return Ok(Claim::Granted);
    }
    let sql = "SELECT paused_until FROM wallet_attempts WHERE subject = $1";
    let row = read_one(database, sql, [key.into()]).await?;
    let until: i64 = row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or(now_ms);
    let wait = u64::try_from(until.saturating_sub(now_ms)).unwrap_or(0);
    Ok(Claim::Paused(Duration::from_millis(wait).max(Duration::from_secs(1))))
}

/// Forgets the attempts of one subject.
pub(crate) async fn forget(database: &Database, subject: Subject<'_>) -> Result<(), Error> {
    let sql = "DELETE FROM wallet_attempts WHERE subject = $1";
    database.execute(sql, [subject.key().into()]).await.map(drop)
}

/// Forgets the attempts of a user who has signed in, and takes back the one of the source.
pub(crate) async fn succeeded(database: &Database, email: &str, source: &str) -> Result<(), Error> {
    forget(database, Subject::User(email)).await?;
    take_back(database, Subject::Source(source)).await
}

/// Takes one attempt back.
pub(crate) async fn take_back(database: &Database, subject: Subject<'_>) -> Result<(), Error> {
    let back = "UPDATE wallet_attempts SET made = made - 1 WHERE subject = $1 AND made > 0";
    database.execute(back, [subject.key().into()]).await.map(drop)
}

/// Removes what has no effect any more.
pub(crate) async fn forget_old(database: &Database, now: Timestamp) -> Result<(), Error> {
    let before = now.as_millis().saturating_sub(millis(WINDOW));
    let sql = "DELETE FROM wallet_attempts WHERE since <= $1 AND paused_until <= $2";
    database.execute(sql, [before.into(), now.as_millis().into()]).await.map(drop)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
