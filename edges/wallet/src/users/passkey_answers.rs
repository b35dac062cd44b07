//! What a passkey opens: a session without a password, a session after the password, and what has to be proved again.
//!
//! Whether an answer is right is decided in `webauthn`. Which passkeys there are is in `passkeys`.

use database::{Error, WriteTransaction};
use sea_orm::QueryResult;
use uuid::Uuid;

use super::attempts::{self, Claim, Subject};
use super::closing::Departure;
use super::passkey_questions::{self, Holder};
use super::passkeys::{PasskeyError, backup_of, backup_word, credentials};
use super::proofs::{self, Proof};
use super::sessions::{Session, Visitor};
use super::{Inner, NEWS_FOR, UserRow, Users};
use crate::letters::Texts;
use crate::sql::{execute, read_one};
use crate::webauthn::{self, Answer, Asserted, Known, Refusal, Whose};

/// What the browser is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) challenge: String,
    pub(crate) site: String,
    /// The ids of the passkeys that would do. If it is empty, the person chooses.
    pub(crate) allowed: Vec<String>,
}

/// A passkey with its owner, as read at one moment.
struct Found {
    id: Uuid,
    name: String,
    known: Known,
    user: UserRow,
    email: String,
}

/// A right answer.
struct Right {
    found: Found,
    asserted: Asserted,
}

impl Users {
    /// Asks a browser in which nobody is signed in. `token` is in its cookie. The question is counted as an attempt of
    /// the address.
    pub(crate) async fn ask_browser(&self, token: &str, visitor: &Visitor) -> Result<Asked, PasskeyError> {
        let Inner { database, clock, .. } = &*self.inner;
        self.site()?;
        let source = Subject::Asking(&visitor.address);
        if let Claim::Paused(wait) = attempts::claim(database, source, clock.now()).await? {
            return Err(PasskeyError::Paused(wait));
        }
        self.ask(Holder::Browser(token), Vec::new()).await
    }

    /// Asks somebody who has given the password.
    pub(crate) async fn ask_half(&self, token: &str) -> Result<Asked, PasskeyError> {
        let user = self.of_half(token).await?.ok_or(PasskeyError::Ended)?;
        let allowed = credentials(&self.inner.database, user.id).await?;
        self.ask(Holder::Half(token), allowed).await
    }

    /// Asks somebody who is signed in.
    pub(crate) async fn ask_again(&self, session: &Session) -> Result<Asked, PasskeyError> {
        let allowed = credentials(&self.inner.database, session.user).await?;
        self.ask(Holder::Proving(session.id), allowed).await
    }

    async fn ask(&self, holder: Holder<'_>, allowed: Vec<String>) -> Result<Asked, PasskeyError> {
        let (site, challenge) = (self.site()?.id().to_owned(), self.challenge());
        passkey_questions::ask(&self.inner.database, holder, &challenge, self.inner.clock.now()).await?;
        Ok(Asked { challenge, site, allowed })
    }

    /// Signs in with a passkey alone. Returns the token of the session.
    pub(crate) async fn sign_in_with_passkey(
        &self,
        browser: &str,
        answer: &Answer,
        visitor: &Visitor,
        texts: &Texts<'_>,
    ) -> Result<String, PasskeyError> {
        let Inner { database, clock, .. } = &*self.inner;
        let source = Subject::Source(&visitor.address);
        if let Claim::Paused(wait) = attempts::claim(database, source, clock.now()).await? {
            return Err(PasskeyError::Paused(wait));
        }
        let right = self.judge(Holder::Browser(browser), None, answer, texts).await?;
        let token = self.begin_with(&right, visitor).await?;
        attempts::take_back(database, source).await?;
        attempts::take_back(database, Subject::Asking(&visitor.address)).await?;
        Ok(token)
    }

    /// Signs in with a passkey after the password. Returns the token of the session.
    pub(crate) async fn finish_with_passkey(
        &self,
        half: &str,
        answer: &Answer,
        visitor: &Visitor,
        texts: &Texts<'_>,
    ) -> Result<String, PasskeyError> {
        let user = self.of_half(half).await?.ok_or(PasskeyError::Ended)?;
        let right = self.judge(Holder::Half(half), Some(user.id), answer, texts).await?;
        if !self.end_half(half).await? {
            return Err(PasskeyError::Ended);
        }
        self.begin_with(&right, visitor).await
    }

    /// Proves who uses a session.
    pub(crate) async fn prove_with_passkey(
        &self,
        session: &Session,
        answer: &Answer,
        texts: &Texts<'_>,
    ) -> Result<(), PasskeyError> {
        let Inner { database, clock, .. } = &*self.inner;
        let right = self.judge(Holder::Proving(session.id), Some(session.user), answer, texts).await?;
        let transaction = database.begin().await?;
        note_use(&transaction, &right, clock.now().as_millis()).await?;
        proofs::note(&transaction, session.id, clock.now()).await?;
        transaction.commit().await?;
        Ok(self.forget_attempts(&right).await?)
    }

    /// Begins a session, together with the note that the passkey was used.
    async fn begin_with(&self, right: &Right, visitor: &Visitor) -> Result<String, PasskeyError> {
        let Inner { database, clock, .. } = &*self.inner;
        match right.found.user.state.as_str() {
            "active" => {}
            state if Departure::read(state).is_some() => return Err(PasskeyError::Leaving),
            _ => return Err(PasskeyError::Unknown),
        }
        let transaction = database.begin().await?;
        note_use(&transaction, right, clock.now().as_millis()).await?;
        let begun = self.begin_in(&transaction, &right.found.user, visitor, Proof::Given).await?;
        let token = begun.ok_or(PasskeyError::Ended)?;
        transaction.commit().await?;
        self.forget_attempts(right).await?;
        self.forget_old().await?;
        Ok(token)
    }

    async fn forget_attempts(&self, right: &Right) -> Result<(), Error> {
        let user = right.found.user.id.to_string();
        attempts::forget(&self.inner.database, Subject::Passkey(&user)).await
    }

    /// Judges the answer to the question that this holder was asked. The question is used up, and the attempt is
    /// counted before the signature is verified.
    async fn judge(
        &self,
        holder: Holder<'_>,
        of: Option<Uuid>,
        answer: &Answer,
        texts: &Texts<'_>,
    ) -> Result<Right, PasskeyError> {
        let Inner { database, clock, .. } = &*self.inner;
        let question = passkey_questions::take(database, holder, clock.now()).await?.ok_or(PasskeyError::Ended)?;
        let found = self.found(&answer.credential).await?.ok_or(PasskeyError::Unknown)?;
        let whose = match of {
            Some(user) if user != found.user.id => return Err(PasskeyError::Unknown),
            Some(_) => Whose::OfSomebodyKnown,
            None => Whose::AsTheAnswerSays,
        };
        let user = found.user.id.to_string();
        if let Claim::Paused(wait) = attempts::claim(database, Subject::Passkey(&user), clock.now()).await? {
            return Err(PasskeyError::Paused(wait));
        }
        match webauthn::verify_assertion(self.site()?, &question, &found.known, whose, answer) {
            Ok(asserted) => Ok(Right { found, asserted }),
            Err(refusal) => {
                if refusal == Refusal::Counter {
                    self.tell_of_copy(&found, texts).await?;
                }
                Err(refusal.into())
            }
        }
    }

    /// Only somebody who has the private key can cause this letter.
    async fn tell_of_copy(&self, found: &Found, texts: &Texts<'_>) -> Result<(), Error> {
        let transaction = self.inner.database.begin().await?;
        self.inner.letters.write(&transaction, &found.email, texts.passkey_refused(&found.name), NEWS_FOR).await?;
        transaction.commit().await
    }

    async fn found(&self, credential: &[u8]) -> Result<Option<Found>, PasskeyError> {
        let sql = "SELECT p.id, p.name, p.public_key, p.counter, p.backup, u.id, u.password, u.state, u.email
            FROM wallet_passkeys p JOIN wallet_users u ON u.id = p.user_id WHERE p.credential = $1";
        let row = read_one(&self.inner.database, sql, [webauthn::written(credential).into()]).await?;
        row.as_ref().map(found).transpose()
    }
}

/// Notes a use. It fails if the passkey was removed, or used with the same or a higher counter, since it was read.
async fn note_use(transaction: &WriteTransaction, right: &Right, now: i64) -> Result<(), PasskeyError> {
    let sql = "UPDATE wallet_passkeys SET counter = $2, backup = $3, used_at = $4
        WHERE id = $1 AND (counter < $2 OR (counter = 0 AND $2 = 0))";
    let counter = i64::from(right.asserted.counter);
    let values = [right.found.id.into(), counter.into(), backup_word(right.asserted.backup).into(), now.into()];
    if execute(transaction, sql, values).await? == 0 { Err(PasskeyError::Ended) } else { Ok(()) }
}

fn found(row: &QueryResult) -> Result<Found, PasskeyError> {
    let text = |index: usize| row.try_get_by_index::<String>(index).map_err(Error::from);
    let id = |index: usize| row.try_get_by_index::<Uuid>(index).map_err(Error::from);
    let counter: i64 = row.try_get_by_index(3).map_err(Error::from)?;
    let user = UserRow { id: id(5)?, password: text(6)?, state: text(7)? };
    let known = Known {
        public_key: webauthn::read(&text(2)?)?,
        counter: u32::try_from(counter).unwrap_or(u32::MAX),
        backup: backup_of(&text(4)?),
        user_handle: user.id.as_bytes().to_vec(),
    };
    Ok(Found { id: id(0)?, name: text(1)?, known, user, email: text(8)? })
}
