//! A new password for somebody who forgot it: a letter with a link that works once, for a short time.
//!
//! Asking costs and answers the same whether the address is in use or not: only a job finds out.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use database::Error;
use jobs::{Done, Failure, Handler, IfWaiting, Job, NewJob, Worker, WorkerSettings};
use page_kit::Words;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::attempts::{self, Claim, Subject};
use super::password::{self, WeakPassword};
use super::sessions::{Visitor, hash_of};
use super::{Inner, NEWS_FOR, Users, email, end_links};
use crate::letters::Texts;
use crate::sql::{execute, one, read_one};

const QUEUE: &str = "wallet resets";
/// A link may be used for so long.
const WITHIN: Duration = Duration::from_mins(30);

/// What came of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// If somebody has this address, a letter is on its way.
    Yes,
    /// There was too much asking.
    Paused(Duration),
    /// It is no e-mail address.
    Unreadable,
}

/// Why no new password is set.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResetError {
    #[error("This link was used before or has expired. Ask for a new one.")]
    Ended,
    #[error(transparent)]
    Weak(#[from] WeakPassword),
    #[error("There were too many attempts.")]
    Paused(Duration),
    #[error("Too many people are changing passwords at the moment. Try again in a minute.")]
    Busy,
    #[error(transparent)]
    Store(#[from] Error),
}

/// A wish for a letter, as the job reads it.
#[derive(Debug, Serialize, Deserialize)]
struct Wish {
    email: String,
    language: String,
}

impl Users {
    /// Asks for a letter with a link.
    pub(crate) async fn ask_for_reset(&self, written: &str, words: Words, visitor: &Visitor) -> Result<Asked, Error> {
        let Some(email) = email(written) else { return Ok(Asked::Unreadable) };
        let Inner { database, clock, .. } = &*self.inner;
        for subject in [Subject::Resetting(&visitor.address), Subject::Letters(&email)] {
            if let Claim::Paused(wait) = attempts::claim(database, subject, clock.now()).await? {
                return Ok(Asked::Paused(wait));
            }
        }
        // A wish that waits already is the same wish.
        let job = NewJob {
            queue: QUEUE,
            key: hash_of(&email),
            lane: String::new(),
            payload: Wish { email, language: words.code().to_owned() },
            run_at: clock.now(),
            carried: None,
            if_waiting: IfWaiting::default(),
        };
        let transaction = database.begin().await?;
        jobs::enqueue(&transaction, job)?;
        transaction.commit().await?;
        Ok(Asked::Yes)
    }

    /// Whether a link can still be used.
    pub(crate) async fn is_reset(&self, token: &str) -> Result<bool, Error> {
        Ok(self.resetting(token).await?.is_some())
    }

    /// Whose password a link sets: the id, the e-mail address and the name.
    async fn resetting(&self, token: &str) -> Result<Option<(Uuid, String, String)>, Error> {
        let sql = "SELECT u.id, u.email, u.name FROM wallet_one_time_tokens t JOIN wallet_users u ON u.id = t.user_id
            WHERE t.token = $1 AND t.purpose = 'reset' AND t.expires_at > $2";
        let values = [hash_of(token).into(), self.inner.clock.now().as_millis().into()];
        let row = read_one(&self.inner.database, sql, values).await?;
        row.map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?))).transpose()
    }

    /// Sets the password, uses up the link, and ends all sessions.
    pub(crate) async fn reset(
        &self,
        token: &str,
        new: &str,
        visitor: &Visitor,
        texts: &Texts<'_>,
    ) -> Result<(), ResetError> {
        let Inner { database, clock, entropy, hashing, letters, .. } = &*self.inner;
        let Some((_, email, name)) = self.resetting(token).await? else { return Err(ResetError::Ended) };
        password::check(new, &email, &name)?;
        let source = Subject::Resetting(&visitor.address);
        if let Claim::Paused(wait) = attempts::claim(database, source, clock.now()).await? {
            return Err(ResetError::Paused(wait));
        }
        let hash = hashing.hash(new, entropy.bytes()).await.ok_or(ResetError::Busy)?;

        let transaction = database.begin().await?;
        let take = "DELETE FROM wallet_one_time_tokens WHERE token = $1 AND purpose = 'reset' AND expires_at > $2
            RETURNING user_id";
        let taken = one(&transaction, take, [hash_of(token).into(), clock.now().as_millis().into()]).await?;
        let Some(row) = taken else { return Err(ResetError::Ended) };
        let user: Uuid = row.try_get_by_index(0).map_err(Error::from)?;
        // The row is changed first, so that a session which begins meanwhile sees the new password.
        let change = "UPDATE wallet_users SET password = $2 WHERE id = $1";
        execute(&transaction, change, [user.into(), hash.into()]).await?;
        execute(&transaction, "DELETE FROM wallet_sessions WHERE user_id = $1", [user.into()]).await?;
        end_links(&transaction, user).await?;
        letters.write(&transaction, &email, texts.password_changed(), NEWS_FOR).await?;
        transaction.commit().await?;
        Ok(attempts::forget(database, Subject::User(&email)).await?)
    }

    /// Writes the letter, if somebody who may sign in has the address.
    async fn write_reset(&self, job: &Job, wish: &Wish, texts: &Texts<'_>) -> Result<(), Error> {
        let Inner { database, clock, entropy, letters, .. } = &*self.inner;
        let transaction = database.begin().await?;
        let find = "SELECT id FROM wallet_users WHERE email = $1 AND state = 'active'";
        if let Some(row) = one(&transaction, find, [wish.email.as_str().into()]).await? {
            let user: Uuid = row.try_get_by_index(0)?;
            let token = hex::encode(entropy.bytes::<32>());
            let now = clock.now();
            let old =
                "DELETE FROM wallet_one_time_tokens WHERE purpose = 'reset' AND (user_id = $1 OR expires_at <= $2)";
            execute(&transaction, old, [user.into(), now.as_millis().into()]).await?;
            let add = "INSERT INTO wallet_one_time_tokens (token, user_id, purpose, expires_at)
                VALUES ($1, $2, 'reset', $3)";
            let expires_at = now.saturating_add(WITHIN).as_millis();
            execute(&transaction, add, [hash_of(&token).into(), user.into(), expires_at.into()]).await?;
            letters.write(&transaction, &wish.email, texts.reset(&token), WITHIN).await?;
        }
        job.complete(&transaction);
        transaction.commit().await
    }
}

/// Writes the letters that were asked for.
#[derive(Clone)]
pub(crate) struct Resets {
    pub(crate) users: Users,
    pub(crate) institution: String,
    /// The address of the wallet, without a slash at its end.
    pub(crate) base: String,
}

impl Resets {
    pub(crate) fn worker(&self) -> Worker {
        let Inner { database, clock, entropy, .. } = &*self.users.inner;
        let handler = Arc::new(self.clone());
        let settings = WorkerSettings { concurrency: 4, ..WorkerSettings::default() };
        Worker::new(database.clone(), Arc::clone(clock), Arc::clone(entropy), QUEUE, handler, settings)
    }
}

#[async_trait]
impl Handler for Resets {
    async fn run(&self, job: &Job) -> Result<Done, Failure> {
        let wish: Wish = job.payload()?;
        let words = Words::of(Some(&wish.language), None);
        let texts = Texts { words, institution: &self.institution, base: &self.base };
        self.users.write_reset(job, &wish, &texts).await.map_err(Box::new)?;
        Ok(Done::Settled)
    }
}
