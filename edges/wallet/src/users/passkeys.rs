//! The passkeys of customers (WebAuthn): adding, naming and removing them.
//!
//! What they open is in `passkey_answers`.

use std::time::Duration;

use clock::Timestamp;
use database::{Database, Error, WriteTransaction};
use outside_text::check_line;
use sea_orm::QueryResult;
use uuid::Uuid;

use super::codes;
use super::passkey_questions::{self, Holder};
use super::sessions::Session;
use super::{Inner, NEWS_FOR, SecondFactor, Users, end_links};
use crate::letters::Texts;
use crate::sql::{execute, one, read};
use crate::webauthn::{self, Backup, Created, NewPasskey, Refusal, RelyingParty};

/// The most passkeys of one customer. The text of [`PasskeyError::TooMany`] names it.
const PASSKEYS_MAX: i64 = 10;
const NAME_MAX: usize = 60;

/// Why a passkey is not added or not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PasskeyError {
    #[error("This passkey was not accepted. Try again, or choose another way.")]
    Refused,
    #[error(
        "Your device did not check that it is you, for example with a fingerprint or a PIN. Set that up, and try again."
    )]
    Unverified,
    #[error("This wallet does not know this passkey. Choose another way.")]
    Unknown,
    #[error("This passkey was refused, because somebody may use a copy of it. Choose another way, and remove it.")]
    Copied,
    #[error("This took too long. Try again.")]
    Ended,
    #[error("This passkey is in use here already.")]
    Known,
    #[error("You have 10 passkeys, and more are not possible. Remove one first.")]
    TooMany,
    #[error("Write a name with at most 60 characters.")]
    Name,
    #[error("This wallet is being closed. A letter says when it is done.")]
    Leaving,
    /// The wallet has no address for which there are passkeys.
    #[error("There are no passkeys at this address. Choose another way.")]
    Off,
    #[error("There were too many attempts.")]
    Paused(Duration),
    #[error(transparent)]
    Store(#[from] Error),
}

impl PasskeyError {
    /// How long to wait before the next attempt.
    pub(crate) fn wait(&self) -> Option<Duration> {
        match self {
            Self::Paused(wait) => Some(*wait),
            _ => None,
        }
    }
}

impl From<Refusal> for PasskeyError {
    fn from(refusal: Refusal) -> Self {
        tracing::info!(reason = %refusal, "a passkey was refused");
        match refusal {
            Refusal::Unverified => Self::Unverified,
            Refusal::Counter => Self::Copied,
            _ => Self::Refused,
        }
    }
}

/// A passkey in the list of its owner.
#[derive(Clone, Debug)]
pub(crate) struct Passkey {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) backup: Backup,
    pub(crate) made_at: Timestamp,
    pub(crate) used_at: Option<Timestamp>,
}

/// What the browser is asked to make.
#[derive(Clone, Debug)]
pub(crate) struct ToMake {
    pub(crate) challenge: String,
    pub(crate) site: String,
    /// What the authenticator is told about whose it is. It is no name.
    pub(crate) user_handle: String,
    /// The ids of those that exist, so that no authenticator gets a second one.
    pub(crate) existing: Vec<String>,
}

/// What came of adding a passkey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// It is one more.
    Another,
    /// It is the first second factor. These are the recovery codes.
    First(Vec<String>),
}

impl Users {
    /// Whether there are passkeys at the address of this wallet.
    pub(crate) fn has_passkeys(&self) -> bool {
        self.inner.passkeys_for.is_some()
    }

    pub(super) fn site(&self) -> Result<&RelyingParty, PasskeyError> {
        self.inner.passkeys_for.as_ref().ok_or(PasskeyError::Off)
    }

    /// The passkeys of the session's user, the oldest first.
    pub(crate) async fn passkeys(&self, session: &Session) -> Result<Vec<Passkey>, Error> {
        let sql = "SELECT id, name, backup, made_at, used_at FROM wallet_passkeys WHERE user_id = $1
            ORDER BY made_at, id";
        let rows = read(&self.inner.database, sql, [session.user.into()]).await?;
        rows.iter().map(passkey).collect()
    }

    /// Asks for a new passkey.
    pub(crate) async fn passkey_to_make(&self, session: &Session) -> Result<ToMake, PasskeyError> {
        let Inner { database, clock, .. } = &*self.inner;
        let site = self.site()?.id().to_owned();
        let existing = credentials(database, session.user).await?;
        if i64::try_from(existing.len()).unwrap_or(i64::MAX) >= PASSKEYS_MAX {
            return Err(PasskeyError::TooMany);
        }
        let challenge = self.challenge();
        passkey_questions::ask(database, Holder::Adding(session.id), &challenge, clock.now()).await?;
        let user_handle = webauthn::written(session.user.as_bytes());
        Ok(ToMake { challenge, site, user_handle, existing })
    }

    pub(super) fn challenge(&self) -> String {
        webauthn::written(&self.inner.entropy.bytes::<32>())
    }

    /// Adds the passkey that answers the question of this session. Without another second factor it becomes one: then
    /// all other sessions end.
    pub(crate) async fn add_passkey(
        &self,
        session: &Session,
        answer: &Created,
        name: &str,
        texts: &Texts<'_>,
    ) -> Result<Added, PasskeyError> {
        let Inner { database, clock, entropy, letters, .. } = &*self.inner;
        let name = named(name)?;
        let question = passkey_questions::take(database, Holder::Adding(session.id), clock.now()).await?;
        let new = webauthn::verify_registration(self.site()?, &question.ok_or(PasskeyError::Ended)?, answer)?;

        let transaction = database.begin().await?;
        // The lock makes those who add at the same time count each other.
        let lock = "UPDATE wallet_users SET state = state WHERE id = $1 AND state = 'active'";
        if execute(&transaction, lock, [session.user.into()]).await? == 0 {
            return Err(PasskeyError::Ended);
        }
        let before = codes::state_in(&transaction, session.user).await?;
        if let SecondFactor::Active(means) = before
            && i64::try_from(means.passkeys).unwrap_or(i64::MAX) >= PASSKEYS_MAX
        {
            return Err(PasskeyError::TooMany);
        }
        if !insert(&transaction, session.user, entropy.uuid(), name, &new, clock.now()).await? {
            return Err(PasskeyError::Known);
        }
        let added = if before == SecondFactor::None {
            let shown = codes::renew_recovery_codes(&transaction, session.user, || entropy.bytes()).await?;
            end_other_sessions(&transaction, session).await?;
            end_links(&transaction, session.user).await?;
            Added::First(shown)
        } else {
            Added::Another
        };
        letters.write(&transaction, &session.email, texts.passkey_added(name), NEWS_FOR).await?;
        transaction.commit().await?;
        Ok(added)
    }

    /// Gives an own passkey another name.
    pub(crate) async fn name_passkey(&self, session: &Session, id: Uuid, name: &str) -> Result<(), PasskeyError> {
        let sql = "UPDATE wallet_passkeys SET name = $3 WHERE id = $1 AND user_id = $2";
        let values = [id.into(), session.user.into(), named(name)?.into()];
        Ok(self.inner.database.execute(sql, values).await.map(drop)?)
    }

    /// Removes an own passkey, and signs all other sessions out. If it was the last second factor, the recovery codes go
    /// too; the password stays.
    pub(crate) async fn remove_passkey(&self, session: &Session, id: Uuid, texts: &Texts<'_>) -> Result<(), Error> {
        let Inner { database, letters, .. } = &*self.inner;
        let transaction = database.begin().await?;
        let sql = "DELETE FROM wallet_passkeys WHERE id = $1 AND user_id = $2 RETURNING name";
        let Some(row) = one(&transaction, sql, [id.into(), session.user.into()]).await? else { return Ok(()) };
        let name: String = row.try_get_by_index(0)?;
        codes::forget_unused_recovery_codes(&transaction, session.user).await?;
        end_other_sessions(&transaction, session).await?;
        letters.write(&transaction, &session.email, texts.passkey_removed(&name), NEWS_FOR).await?;
        transaction.commit().await
    }
}

fn named(written: &str) -> Result<&str, PasskeyError> {
    let name = written.trim();
    if name.is_empty() || check_line(name, NAME_MAX).is_err() { Err(PasskeyError::Name) } else { Ok(name) }
}

async fn end_other_sessions(transaction: &WriteTransaction, session: &Session) -> Result<(), Error> {
    let sql = "DELETE FROM wallet_sessions WHERE user_id = $1 AND id <> $2";
    execute(transaction, sql, [session.user.into(), session.id.into()]).await.map(drop)
}

/// Stores a passkey. `false` if there is one with this id, also if it is somebody else's.
async fn insert(
    transaction: &WriteTransaction,
    user: Uuid,
    id: Uuid,
    name: &str,
    new: &NewPasskey,
    now: Timestamp,
) -> Result<bool, Error> {
    let sql = "INSERT INTO wallet_passkeys (id, user_id, credential, public_key, counter, backup, name, made_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (credential) DO NOTHING";
    let values = [
        id.into(),
        user.into(),
        webauthn::written(&new.id).into(),
        webauthn::written(&new.public_key).into(),
        i64::from(new.counter).into(),
        backup_word(new.backup).into(),
        name.into(),
        now.as_millis().into(),
    ];
    Ok(execute(transaction, sql, values).await? > 0)
}

/// The ids of somebody's passkeys, as browsers name them.
pub(super) async fn credentials(database: &Database, user: Uuid) -> Result<Vec<String>, Error> {
    let sql = "SELECT credential FROM wallet_passkeys WHERE user_id = $1 ORDER BY made_at, id";
    let rows = read(database, sql, [user.into()]).await?;
    rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}

fn passkey(row: &QueryResult) -> Result<Passkey, Error> {
    let used_at: Option<i64> = row.try_get_by_index(4)?;
    let backup: String = row.try_get_by_index(2)?;
    Ok(Passkey {
        id: row.try_get_by_index(0)?,
        name: row.try_get_by_index(1)?,
        backup: backup_of(&backup),
        made_at: Timestamp::from_millis(row.try_get_by_index(3)?),
        used_at: used_at.map(Timestamp::from_millis),
    })
}

pub(super) fn backup_word(backup: Backup) -> &'static str {
    match backup {
        Backup::OneDevice => "one device",
        Backup::NotYet => "not yet",
        Backup::Copied => "copied",
    }
}

pub(super) fn backup_of(word: &str) -> Backup {
    match word {
        "not yet" => Backup::NotYet,
        "copied" => Backup::Copied,
        _ => Backup::OneDevice,
    }
}
