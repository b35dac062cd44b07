//! What a session has to prove again before something important: with a code, a passkey, or the password of somebody who
//! has no second factor. Signing in proves it, too.
//!
//! What is important is decided by the pages and by `Users::asks_before`.

use std::time::Duration;

use clock::Timestamp;
use database::{Database, Error, WriteTransaction};
use uuid::Uuid;

use super::attempts::{self, Claim, Subject};
use super::codes::{self, Means, SecondFactor};
use super::sessions::{Session, Visitor, hash_of};
use super::{Checked, Inner, NEWS_FOR, UserRow, Users, end_links};
use crate::letters::Texts;
use crate::sql::{amount, execute, read_one, stored};

/// A proof holds for so long.
const HOLDS: Duration = Duration::from_mins(5);
/// A code has to follow a password within this time.
const CODE_WITHIN: Duration = Duration::from_mins(10);

/// Why something was not proved.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProofError {
    #[error("This code is not right, or it was used before. Wait for the next one.")]
    WrongCode,
    #[error("This is not your present password.")]
    WrongPassword,
    #[error("There were too many attempts.")]
    Paused(Duration),
    /// The password was given too long ago, or it is another one by now.
    #[error("This took too long. Sign in again.")]
    Ended,
    #[error(transparent)]
    Store(#[from] Error),
}

impl ProofError {
    /// How long to wait before the next attempt.
    pub(crate) fn wait(&self) -> Option<Duration> {
        match self {
            Self::Paused(wait) => Some(*wait),
            Self::WrongCode | Self::WrongPassword | Self::Ended | Self::Store(_) => None,
        }
    }
}

impl Users {
    /// The session's second factor.
    pub(crate) async fn second_factor(&self, session: &Session) -> Result<SecondFactor, Error> {
        codes::state(&self.inner.database, session.user).await
    }

    /// Whether the session has proved lately who uses it.
    pub(crate) async fn is_proved(&self, session: &Session) -> Result<bool, Error> {
        let Inner { database, clock, .. } = &*self.inner;
        let sql = "SELECT 1 FROM wallet_proofs WHERE session_id = $1 AND proved_at > $2";
        let since = clock.now().saturating_sub(HOLDS).as_millis();
        Ok(read_one(database, sql, [session.id.into(), since.into()]).await?.is_some())
    }

    /// Proves it with a code, or with the password of somebody without a second factor. Passkeys are in
    /// `passkey_answers`.
    pub(crate) async fn prove(&self, session: &Session, written: &str, visitor: &Visitor) -> Result<(), ProofError> {
        let Inner { database, clock, .. } = &*self.inner;
        match codes::state(database, session.user).await? {
            SecondFactor::Active(_) => self.use_code(session.user, written).await?,
            SecondFactor::None => match self.check_password(&session.email, written, visitor).await? {
                Checked::Right(_) => {}
                Checked::Wrong => return Err(ProofError::WrongPassword),
                Checked::Paused(wait) => return Err(ProofError::Paused(wait)),
            },
        }
        let transaction = database.begin().await?;
        note(&transaction, session.id, clock.now()).await?;
        Ok(transaction.commit().await?)
    }

    /// Uses a code of somebody with a second factor. Attempts are counted before it is compared.
    async fn use_code(&self, user: Uuid, written: &str) -> Result<(), ProofError> {
        let Inner { database, clock, sealer, entropy, .. } = &*self.inner;
        let subject = user.to_string();
        if let Claim::Paused(wait) = attempts::claim(database, Subject::Code(&subject), clock.now()).await? {
            return Err(ProofError::Paused(wait));
        }
        let found = codes::stored(database, user).await?.filter(|stored| stored.is_active);
        let app = found.map(|found| codes::open(sealer, user, &found).map(|secret| (found, secret))).transpose()?;
        let transaction = database.begin().await?;
        let at = (clock.now().as_millis(), clock.wall().as_secs());
        let with = app.as_ref().map(|(found, secret)| (found, secret.as_str()));
        if !codes::use_code(&transaction, user, with, written, at).await? {
            return Err(ProofError::WrongCode);
        }
        if let Some((found, secret)) = app
            && sealer.is_of_a_former_key(&found.sealed)
        {
            let place = sealed_text::Place::SecondFactor(user);
            if let Ok(again) = sealer.seal(&secret, place, &**entropy) {
                let sql = "UPDATE wallet_second_factors SET secret = $2 WHERE user_id = $1 AND secret = $3";
                execute(&transaction, sql, [user.into(), again.into(), found.sealed.into()]).await?;
            }
        }
        transaction.commit().await?;
        Ok(attempts::forget(database, Subject::Code(&subject)).await?)
    }

    /// Remembers that somebody gave the right password and has to give a code. Returns the token for that.
    pub(super) async fn begin_half(&self, user: &UserRow) -> Result<String, Error> {
        let Inner { database, clock, entropy, .. } = &*self.inner;
        let (token, now) = (hex::encode(entropy.bytes::<32>()), clock.now());
        let transaction = database.begin().await?;
        let old = "DELETE FROM wallet_half_sign_ins WHERE expires_at <= $1";
        execute(&transaction, old, [now.as_millis().into()]).await?;
        let sql = "INSERT INTO wallet_half_sign_ins (token, user_id, password, expires_at) VALUES ($1, $2, $3, $4)";
        let values = [
            hash_of(&token).into(),
            user.id.into(),
            hash_of(&user.password).into(),
            now.saturating_add(CODE_WITHIN).as_millis().into(),
        ];
        execute(&transaction, sql, values).await?;
        transaction.commit().await?;
        Ok(token)
    }

    /// The second half of signing in. Returns the token of the session.
    pub(crate) async fn sign_in_with_code(
        &self,
        token: &str,
        written: &str,
        visitor: &Visitor,
    ) -> Result<String, ProofError> {
        let Some(user) = self.of_half(token).await? else { return Err(ProofError::Ended) };
        self.use_code(user.id, written).await?;
        if !self.end_half(token).await? {
            return Err(ProofError::Ended);
        }
        self.begin(&user, visitor, Proof::Given).await?.ok_or(ProofError::Ended)
    }

    /// Who gave the password for which this token stands, if it is still the right one.
    pub(super) async fn of_half(&self, token: &str) -> Result<Option<UserRow>, Error> {
        let Inner { database, clock, .. } = &*self.inner;
        let find = "SELECT u.id, u.password, u.state, h.password FROM wallet_half_sign_ins h
            JOIN wallet_users u ON u.id = h.user_id WHERE h.token = $1 AND h.expires_at > $2";
        let values = [hash_of(token).into(), clock.now().as_millis().into()];
        let Some(row) = read_one(database, find, values).await? else { return Ok(None) };
        let password: String = row.try_get_by_index(3)?;
        let user = UserRow {
            id: row.try_get_by_index(0)?,
            password: row.try_get_by_index(1)?,
            state: row.try_get_by_index(2)?,
        };
        Ok(Some(user).filter(|user| hash_of(&user.password) == password && user.state == "active"))
    }

    /// Ends what stands for a password. `false` if it was used meanwhile.
    pub(super) async fn end_half(&self, token: &str) -> Result<bool, Error> {
        let sql = "DELETE FROM wallet_half_sign_ins WHERE token = $1";
        Ok(self.inner.database.execute(sql, [hash_of(token).into()]).await? > 0)
    }

    /// With what somebody who has given the password can go on.
    pub(crate) async fn means_of_half(&self, token: &str) -> Result<Option<Means>, Error> {
        let Some(user) = self.of_half(token).await? else { return Ok(None) };
        Ok(match codes::state(&self.inner.database, user.id).await? {
            SecondFactor::Active(means) => Some(means),
            SecondFactor::None => None,
        })
    }

    /// Offers a secret for an app. `None` if a factor is in use.
    pub(crate) async fn offer_second_factor(&self, session: &Session) -> Result<Option<()>, Error> {
        let Inner { database, clock, sealer, entropy, .. } = &*self.inner;
        let secret = codes::typed(entropy.bytes());
        let place = sealed_text::Place::SecondFactor(session.user);
        let sealed = sealer.seal(&secret, place, &**entropy);
        let sealed = sealed.map_err(|_| Error::inconsistent("wallet_second_factors", "secret", session.user))?;
        let transaction = database.begin().await?;
        let offered = codes::offer(&transaction, session.user, &sealed, clock.now().as_millis()).await?;
        transaction.commit().await?;
        Ok(offered)
    }

    /// The secret that was offered and is not in use yet.
    pub(crate) async fn offered(&self, session: &Session) -> Result<Option<codes::Offered>, Error> {
        let Inner { database, sealer, .. } = &*self.inner;
        match codes::stored(database, session.user).await?.filter(|stored| !stored.is_active) {
            Some(stored) => Ok(Some(codes::Offered { secret: codes::open(sealer, session.user, &stored)? })),
            None => Ok(None),
        }
    }

    /// Takes the offered secret into use with a first code of it, and signs all other sessions out. Returns the recovery
    /// codes.
    pub(crate) async fn activate_second_factor(
        &self,
        session: &Session,
        written: &str,
        texts: &Texts<'_>,
    ) -> Result<Vec<String>, ProofError> {
        let Inner { database, clock, entropy, letters, sealer, .. } = &*self.inner;
        let subject = session.user.to_string();
        if let Claim::Paused(wait) = attempts::claim(database, Subject::Code(&subject), clock.now()).await? {
            return Err(ProofError::Paused(wait));
        }
        let offered = codes::stored(database, session.user).await?.filter(|stored| !stored.is_active);
        let Some(offered) = offered else { return Err(ProofError::Ended) };
        let secret = codes::open(sealer, session.user, &offered)?;
        let transaction = database.begin().await?;
        let at = (clock.now().as_millis(), clock.wall().as_secs());
        if !codes::use_code(&transaction, session.user, Some((&offered, &secret)), written, at).await? {
            return Err(ProofError::WrongCode);
        }
        codes::activate(&transaction, session.user).await?;
        let shown = codes::renew_recovery_codes(&transaction, session.user, || entropy.bytes()).await?;
        let end = "DELETE FROM wallet_sessions WHERE user_id = $1 AND id <> $2";
        execute(&transaction, end, [session.user.into(), session.id.into()]).await?;
        end_links(&transaction, session.user).await?;
        letters.write(&transaction, &session.email, texts.second_factor_on(), NEWS_FOR).await?;
        transaction.commit().await?;
        attempts::forget(database, Subject::Code(&subject)).await?;
        Ok(shown)
    }

    /// New recovery codes in place of the earlier ones; `None` without a second factor.
    pub(crate) async fn new_recovery_codes(
        &self,
        session: &Session,
        texts: &Texts<'_>,
    ) -> Result<Option<Vec<String>>, Error> {
        let Inner { database, entropy, letters, .. } = &*self.inner;
        if codes::state(database, session.user).await? == SecondFactor::None {
            return Ok(None);
        }
        let transaction = database.begin().await?;
        let shown = codes::renew_recovery_codes(&transaction, session.user, || entropy.bytes()).await?;
        letters.write(&transaction, &session.email, texts.new_recovery_codes(), NEWS_FOR).await?;
        transaction.commit().await?;
        Ok(Some(shown))
    }

    /// Removes the app. Without passkeys there is no second factor any more.
    pub(crate) async fn remove_second_factor(&self, session: &Session, texts: &Texts<'_>) -> Result<(), Error> {
        let Inner { database, letters, .. } = &*self.inner;
        let transaction = database.begin().await?;
        if codes::remove(&transaction, session.user).await? {
            let text = match codes::state_in(&transaction, session.user).await? {
                SecondFactor::None => texts.second_factor_off(),
                SecondFactor::Active(_) => texts.app_off(),
            };
            letters.write(&transaction, &session.email, text, NEWS_FOR).await?;
        }
        transaction.commit().await
    }

    /// Whether a payment of `debit` from this account has to be proved first, and was not. Only somebody with a second
    /// factor is asked.
    pub(crate) async fn asks_before(&self, session: &Session, account: Uuid, debit: u64) -> Result<bool, Error> {
        if self.second_factor(session).await? == SecondFactor::None {
            return Ok(false);
        }
        let unasked = self.unasked_limit(account).await?;
        Ok(debit > unasked && !self.is_proved(session).await?)
    }

    /// Payments from the account of at most this amount are not proved. Without a choice every payment is.
    pub(crate) async fn unasked_limit(&self, account: Uuid) -> Result<u64, Error> {
        let sql = "SELECT amount FROM wallet_unasked_limits WHERE account_id = $1";
        let row = read_one(&self.inner.database, sql, [account.into()]).await?;
        let limit: Option<i64> = row.map(|row| row.try_get_by_index(0)).transpose()?;
        Ok(limit.map_or(0, amount))
    }

    /// Chooses that limit for an account. The caller has checked whose it is.
    pub(crate) async fn set_unasked_limit(&self, account: Uuid, limit: u64) -> Result<(), Error> {
        let sql = "INSERT INTO wallet_unasked_limits (account_id, amount) VALUES ($1, $2)
            ON CONFLICT (account_id) DO UPDATE SET amount = excluded.amount";
        self.inner.database.execute(sql, [account.into(), stored(limit).into()]).await.map(drop)
    }
}

/// Whether a new session has proved who uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    Given,
    /// In the playground nobody gives a password.
    NotGiven,
}

/// Notes that a session has proved who uses it.
pub(super) async fn note(transaction: &WriteTransaction, session: Uuid, now: Timestamp) -> Result<(), Error> {
    let sql = "INSERT INTO wallet_proofs (session_id, proved_at) VALUES ($1, $2)
        ON CONFLICT (session_id) DO UPDATE SET proved_at = excluded.proved_at";
    execute(transaction, sql, [session.into(), now.as_millis().into()]).await.map(drop)
}

/// Removes proofs that do not hold any more.
pub(super) async fn forget_old(database: &Database, now: Timestamp) -> Result<(), Error> {
    let sql = "DELETE FROM wallet_proofs WHERE proved_at <= $1";
    database.execute(sql, [now.saturating_sub(HOLDS).as_millis().into()]).await.map(drop)
}
