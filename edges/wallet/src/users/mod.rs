//! The people who use the wallet: signing up, signing in, and changing a password.
//!
//! What they own is in `customers`.

mod attempts;
mod closing;
mod codes;
mod email_change;
mod named;
mod passkey_answers;
mod passkey_questions;
mod passkeys;
mod password;
mod proofs;
mod reset;
mod sessions;

use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, Entropy};
use database::{Database, Error, WriteTransaction};
use outside_text::check_line;
use sealed_text::Sealer;
use uuid::Uuid;

use attempts::{Claim, Subject};
pub(crate) use closing::{Departure, LEAVINGS, LeavingWish};
pub(crate) use codes::{Means, SecondFactor};
pub(crate) use email_change::EmailChangeError;
pub(crate) use passkey_answers::Asked as AskedForPasskey;
pub(crate) use passkey_questions::WITHIN as PASSKEY_WITHIN;
pub(crate) use passkeys::{Added, Passkey, PasskeyError, ToMake};
use password::Hashing;
pub(crate) use password::WeakPassword;
pub(crate) use proofs::{Proof, ProofError};
pub(crate) use reset::{Asked, ResetError, Resets};
pub use sessions::Lifetimes;
pub(crate) use sessions::{Session, SessionRow, Visitor};

use crate::letters::{Letters, Texts};
use crate::sql::{execute, one, read_one};
use crate::webauthn::RelyingParty;

/// A letter that only tells something is of use for so long.
const NEWS_FOR: Duration = Duration::from_hours(72);
/// A link to confirm an e-mail address may be used for so long.
const VERIFY_WITHIN: Duration = Duration::from_hours(24);
const EMAIL_MAX: usize = 254;
const NAME_MAX: usize = 100;

/// Whether a new user has to confirm the e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// With a link in a letter, before the first sign-in.
    ByLetter,
    /// No: in a playground the user is signed in at once.
    None,
}

/// A person who wants to sign up, as written in the form.
#[derive(Clone, Debug)]
pub(crate) struct NewUser {
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) password: String,
}

/// What came of signing up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SignedUp {
    /// The user may sign in.
    Active,
    /// A letter tells how to go on. The answer is the same if there was a user with this e-mail address.
    LetterSent,
}

/// Why somebody cannot sign up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignUpError {
    #[error("Write an e-mail address such as name@example.com.")]
    Email,
    #[error("Write your name, with at most 100 characters.")]
    Name,
    #[error(transparent)]
    Password(#[from] WeakPassword),
    #[error("There is a user with this e-mail address. Sign in instead.")]
    Taken,
    #[error("Too many people are signing up at the moment. Try again in a minute.")]
    Busy,
    #[error(transparent)]
    Store(#[from] Error),
}

/// Why somebody cannot sign in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignInError {
    #[error("This e-mail address and password do not belong together.")]
    Wrong,
    #[error("Confirm your e-mail address first. The link is in the letter that we sent.")]
    Unverified,
    #[error("This wallet is being closed. A letter says when it is done.")]
    Leaving,
    #[error("There were too many attempts.")]
    Paused(Duration),
    #[error(transparent)]
    Store(#[from] Error),
}

/// How users sign up and sign in.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) lifetimes: Lifetimes,
    pub(crate) verification: Verification,
    /// The site of passkeys. Without one there are none.
    pub(crate) passkeys_for: Option<RelyingParty>,
}

/// The users of a wallet. It is cheap to clone.
#[derive(Clone)]
pub(crate) struct Users {
    inner: Arc<Inner>,
}

struct Inner {
    database: Database,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    lifetimes: Lifetimes,
    verification: Verification,
    passkeys_for: Option<RelyingParty>,
    hashing: Hashing,
    letters: Letters,
    /// Seals the secrets of second factors.
    sealer: Sealer,
}

/// What came of a right password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entered {
    /// The token of a session.
    Session(String),
    /// A code or a passkey is needed too. This token stands for the password.
    CodeNeeded(String),
}

impl Users {
    pub(crate) fn new(
        database: Database,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        rules: Rules,
        letters: Letters,
        sealer: Sealer,
    ) -> Self {
        let hashing = Hashing::new(entropy.bytes());
        let Rules { lifetimes, verification, passkeys_for } = rules;
        let inner = Inner { database, clock, entropy, lifetimes, verification, passkeys_for, hashing, letters, sealer };
        Self { inner: Arc::new(inner) }
    }

    /// Adds a user, who gets a letter written with `texts` if the e-mail address has to be confirmed.
    pub(crate) async fn sign_up(
        &self,
        new: &NewUser,
        visitor: &Visitor,
        texts: &Texts<'_>,
    ) -> Result<SignedUp, SignUpError> {
        let email = email(&new.email).ok_or(SignUpError::Email)?;
        let name = new.name.trim();
        if name.is_empty() || check_line(name, NAME_MAX).is_err() {
            return Err(SignUpError::Name);
        }
        password::check(&new.password, &email, name)?;

        let Inner { entropy, clock, database, verification, hashing, letters, .. } = &*self.inner;
        let source = Subject::SigningUp(&visitor.address);
        if let Claim::Paused(_) = attempts::claim(database, source, clock.now()).await? {
            return Err(SignUpError::Busy);
        }
        // Also for a user who exists, so that both answers take as long.
        let hash = hashing.hash(&new.password, entropy.bytes()).await.ok_or(SignUpError::Busy)?;
        let (id, now) = (entropy.uuid(), clock.now());
        let state = match verification {
            Verification::ByLetter => {
                // The letters that were sent are enough. The answer is the same, so it tells nothing.
                if let Claim::Paused(_) = attempts::claim(database, Subject::Letters(&email), now).await? {
                    return Ok(SignedUp::LetterSent);
                }
                "pending"
            }
            Verification::None => "active",
        };
        let transaction = database.begin().await?;
        if *verification == Verification::ByLetter {
            // Whoever signed up before has not shown that the address is theirs, so the newest letter counts.
            let tokens = "DELETE FROM wallet_one_time_tokens WHERE purpose = 'verify' AND user_id IN
                (SELECT id FROM wallet_users WHERE email = $1 AND state = 'pending')";
            execute(&transaction, tokens, [email.as_str().into()]).await?;
            let user = "DELETE FROM wallet_users WHERE email = $1 AND state = 'pending'";
            execute(&transaction, user, [email.as_str().into()]).await?;
        }
        let added = insert(&transaction, id, &email, name, &hash, state, now.as_millis()).await?;
        if *verification == Verification::None {
            transaction.commit().await?;
            return if added { Ok(SignedUp::Active) } else { Err(SignUpError::Taken) };
        }

        if added {
            let token = hex::encode(entropy.bytes::<32>());
            let expires_at = now.saturating_add(VERIFY_WITHIN).as_millis();
            let sql = "INSERT INTO wallet_one_time_tokens (token, user_id, purpose, expires_at)
                VALUES ($1, $2, 'verify', $3)";
            execute(&transaction, sql, [sessions::hash_of(&token).into(), id.into(), expires_at.into()]).await?;
            letters.write(&transaction, &email, texts.confirm(&token), VERIFY_WITHIN).await?;
        } else {
            letters.write(&transaction, &email, texts.known(), NEWS_FOR).await?;
        }
        transaction.commit().await?;
        Ok(SignedUp::LetterSent)
    }

    /// Adds a user who may sign in at once, if there is none with this e-mail address. Returns its id.
    pub(crate) async fn ensure(&self, new: &NewUser) -> Result<Option<Uuid>, Error> {
        let Some(email) = email(&new.email) else { return Ok(None) };
        let Inner { entropy, clock, database, hashing, .. } = &*self.inner;
        if let Some(user) = self.by_email(&email).await? {
            return Ok(Some(user.id));
        }
        let Some(hash) = hashing.hash(&new.password, entropy.bytes()).await else { return Ok(None) };
        let transaction = database.begin().await?;
        let id = entropy.uuid();
        insert(&transaction, id, &email, &new.name, &hash, "active", clock.now().as_millis()).await?;
        transaction.commit().await?;
        Ok(self.by_email(&email).await?.map(|user| user.id))
    }

    /// Confirms the e-mail address of a letter. It works once.
    pub(crate) async fn verify(&self, token: &str) -> Result<bool, Error> {
        let transaction = self.inner.database.begin().await?;
        let take = "DELETE FROM wallet_one_time_tokens WHERE token = $1 AND purpose = 'verify' AND expires_at > $2
            RETURNING user_id";
        let now = self.inner.clock.now().as_millis();
        let taken = one(&transaction, take, [sessions::hash_of(token).into(), now.into()]).await?;
        let Some(row) = taken else { return Ok(false) };
        let user: Uuid = row.try_get_by_index(0)?;
        let activate = "UPDATE wallet_users SET state = 'active' WHERE id = $1 AND state = 'pending'";
        execute(&transaction, activate, [user.into()]).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Begins a session, or asks for a code first.
    pub(crate) async fn sign_in(
        &self,
        written: &str,
        password: &str,
        visitor: &Visitor,
    ) -> Result<Entered, SignInError> {
        let email = email(written).ok_or(SignInError::Wrong)?;
        let user = match self.check_password(&email, password, visitor).await? {
            Checked::Right(user) => user,
            Checked::Wrong => return Err(SignInError::Wrong),
            Checked::Paused(wait) => return Err(SignInError::Paused(wait)),
        };
        match user.state.as_str() {
            "active" => {}
            state if Departure::read(state).is_some() => return Err(SignInError::Leaving),
            _ => return Err(SignInError::Unverified),
        }
        // The password may have been changed while this one was compared.
        self.begin_or_ask(&user, visitor, Proof::Given).await?.ok_or(SignInError::Wrong)
    }

    /// Begins a session of a user of the playground, who needs no password there.
    pub(crate) async fn enter(&self, email: &str, visitor: &Visitor) -> Result<Option<Entered>, Error> {
        match self.by_email(email).await?.filter(|user| user.state == "active") {
            Some(user) => self.begin_or_ask(&user, visitor, Proof::NotGiven).await,
            None => Ok(None),
        }
    }

    async fn begin_or_ask(&self, user: &UserRow, visitor: &Visitor, proof: Proof) -> Result<Option<Entered>, Error> {
        match codes::state(&self.inner.database, user.id).await? {
            SecondFactor::Active(_) => Ok(Some(Entered::CodeNeeded(self.begin_half(user).await?))),
            SecondFactor::None => Ok(self.begin(user, visitor, proof).await?.map(Entered::Session)),
        }
    }

    /// Begins a session, unless the user has another password by now.
    async fn begin(&self, user: &UserRow, visitor: &Visitor, proof: Proof) -> Result<Option<String>, Error> {
        let transaction = self.inner.database.begin().await?;
        let begun = self.begin_in(&transaction, user, visitor, proof).await?;
        transaction.commit().await?;
        self.forget_old().await?;
        Ok(begun)
    }

    /// The same together with what made it possible.
    async fn begin_in(
        &self,
        transaction: &WriteTransaction,
        user: &UserRow,
        visitor: &Visitor,
        proof: Proof,
    ) -> Result<Option<String>, Error> {
        let Inner { clock, entropy, .. } = &*self.inner;
        let (id, token, now) = (entropy.uuid(), hex::encode(entropy.bytes::<32>()), clock.now());
        let begun = sessions::begin(transaction, (id, &token), user, visitor, now).await?;
        if begun && proof == Proof::Given {
            proofs::note(transaction, id, now).await?;
        }
        Ok(begun.then_some(token))
    }

    /// Removes what has ended.
    async fn forget_old(&self) -> Result<(), Error> {
        let Inner { database, clock, lifetimes, .. } = &*self.inner;
        let now = clock.now();
        sessions::forget_old(database, *lifetimes, now).await?;
        attempts::forget_old(database, now).await?;
        proofs::forget_old(database, now).await
    }

    /// The session of a token.
    pub(crate) async fn session(&self, token: &str) -> Result<Option<Session>, Error> {
        let Inner { database, clock, lifetimes, .. } = &*self.inner;
        sessions::find(database, token, *lifetimes, clock.now()).await
    }

    /// The sessions of the same user.
    pub(crate) async fn sessions(&self, session: &Session) -> Result<Vec<SessionRow>, Error> {
        let Inner { database, clock, lifetimes, .. } = &*self.inner;
        sessions::list(database, session.user, *lifetimes, clock.now()).await
    }

    /// Ends a session of the same user.
    pub(crate) async fn end(&self, session: &Session, ended: Uuid) -> Result<(), Error> {
        sessions::end(&self.inner.database, session.user, ended).await
    }

    /// Ends all other sessions of the same user.
    pub(crate) async fn end_others(&self, session: &Session) -> Result<(), Error> {
        sessions::end_others(&self.inner.database, session.user, session.id).await
    }

    /// Changes the password, and ends all other sessions.
    pub(crate) async fn change_password(
        &self,
        session: &Session,
        old: &str,
        new: &str,
        visitor: &Visitor,
        texts: &Texts<'_>,
    ) -> Result<(), PasswordError> {
        let Inner { database, entropy, hashing, letters, .. } = &*self.inner;
        password::check(new, &session.email, &session.name)?;
        match self.check_password(&session.email, old, visitor).await? {
            Checked::Right(_) => {}
            Checked::Wrong => return Err(PasswordError::Wrong),
            Checked::Paused(wait) => return Err(PasswordError::Paused(wait)),
        }
        let hash = hashing.hash(new, entropy.bytes()).await.ok_or(PasswordError::Busy)?;
        let transaction = database.begin().await?;
        // The row is changed first, so that a session which begins meanwhile sees the new password.
        let change = "UPDATE wallet_users SET password = $2 WHERE id = $1";
        execute(&transaction, change, [session.user.into(), hash.into()]).await?;
        let end = "DELETE FROM wallet_sessions WHERE user_id = $1 AND id <> $2";
        execute(&transaction, end, [session.user.into(), session.id.into()]).await?;
        end_links(&transaction, session.user).await?;
        letters.write(&transaction, &session.email, texts.password_changed(), NEWS_FOR).await?;
        Ok(transaction.commit().await?)
    }

    /// Compares a password. The attempt is counted before, for the address and for where it comes from. If the password
    /// is right, both are taken back.
    async fn check_password(&self, email: &str, password: &str, visitor: &Visitor) -> Result<Checked, Error> {
        let Inner { database, clock, hashing, .. } = &*self.inner;
        for subject in [Subject::Source(&visitor.address), Subject::User(email)] {
            if let Claim::Paused(wait) = attempts::claim(database, subject, clock.now()).await? {
                return Ok(Checked::Paused(wait));
            }
        }
        let user = self.by_email(email).await?;
        // Also for nobody, so that both answers take as long.
        let right = hashing.matches(password, user.as_ref().map(|user| user.password.as_str())).await;
        let Some(user) = user.filter(|_| right) else { return Ok(Checked::Wrong) };
        attempts::succeeded(database, email, &visitor.address).await?;
        Ok(Checked::Right(user))
    }

    async fn by_email(&self, email: &str) -> Result<Option<UserRow>, Error> {
        let sql = "SELECT id, password, state FROM wallet_users WHERE email = $1";
        let row = read_one(&self.inner.database, sql, [email.into()]).await?;
        row.map(|row| {
            Ok(UserRow {
                id: row.try_get_by_index(0)?,
                password: row.try_get_by_index(1)?,
                state: row.try_get_by_index(2)?,
            })
        })
        .transpose()
    }
}

/// Why a password is not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PasswordError {
    #[error(transparent)]
    Weak(#[from] WeakPassword),
    #[error("This is not your present password.")]
    Wrong,
    #[error("Too many people are changing passwords at the moment. Try again in a minute.")]
    Busy,
    #[error("There were too many attempts.")]
    Paused(Duration),
    #[error(transparent)]
    Store(#[from] Error),
}

/// A user as read at one moment.
struct UserRow {
    id: Uuid,
    password: String,
    state: String,
}

/// What came of comparing a password.
enum Checked {
    /// It is that of this user.
    Right(UserRow),
    Wrong,
    Paused(Duration),
}

/// Ends what a letter lets its reader do: to set a new password, or to confirm a new address. Whoever knew the former
/// password may have asked for it.
async fn end_links(transaction: &WriteTransaction, user: Uuid) -> Result<(), Error> {
    let resets = "DELETE FROM wallet_one_time_tokens WHERE user_id = $1 AND purpose = 'reset'";
    execute(transaction, resets, [user.into()]).await?;
    execute(transaction, "DELETE FROM wallet_email_changes WHERE user_id = $1", [user.into()]).await.map(drop)
}

async fn insert(
    transaction: &WriteTransaction,
    id: Uuid,
    email: &str,
    name: &str,
    hash: &str,
    state: &str,
    now: i64,
) -> Result<bool, Error> {
    let sql = "INSERT INTO wallet_users (id, email, name, password, state, created_at)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (email) DO NOTHING";
    let values = [id.into(), email.into(), name.into(), hash.into(), state.into(), now.into()];
    Ok(execute(transaction, sql, values).await? > 0)
}

/// An e-mail address in the form in which it is compared.
fn email(written: &str) -> Option<String> {
    let email = written.trim().to_lowercase();
    let (local, domain) = email.rsplit_once('@')?;
    // Such an address would need quotes in a letter. No mailbox of a customer does.
    let is_special = |c: char| "<>(),:;\"\\[]".contains(c);
    let good = !local.is_empty()
        && !local.contains('@')
        && !email.contains(is_special)
        && domain.contains('.')
        && !domain.starts_with('.')
        && !domain.ends_with('.')
        && email.len() <= EMAIL_MAX
        && !email.contains(|c: char| c.is_whitespace() || c.is_control());
    good.then_some(email)
}

#[cfg(test)]
mod tests {
    use testkit::{Dialect, TestDatabase, block_on};

    use super::*;
    use crate::Wallet;

    async fn a_session_needs_the_present_password(database: TestDatabase) {
        Wallet::migrate(&database).await.unwrap();
        let lifetimes = Lifetimes { idle: Duration::from_mins(30), absolute: Duration::from_hours(12) };
        let (clock, entropy) = (testkit::manual_clock(), testkit::entropy(1));
        let letters = Letters::new((*database).clone(), clock.clone(), entropy.clone(), crate::Post::Log);
        let sealer = Sealer::default();
        let rules = Rules { lifetimes, verification: Verification::None, passkeys_for: None };
        let users = Users::new((*database).clone(), clock, entropy, rules, letters, sealer);
        let text = |text: &str| text.to_owned();
        let texts = Texts { words: page_kit::Words::English, institution: "Bank", base: "http://localhost:3030" };
        let nora = NewUser { email: text("nora@example.com"), name: text("Nora"), password: text("a long way to go") };
        users.sign_up(&nora, &Visitor::default(), &texts).await.unwrap();

        let read = users.by_email(&nora.email).await.unwrap().unwrap();
        assert!(users.begin(&read, &Visitor::default(), Proof::Given).await.unwrap().is_some());
        database.execute("UPDATE wallet_users SET password = 'another'", []).await.unwrap();
        assert!(users.begin(&read, &Visitor::default(), Proof::Given).await.unwrap().is_none());
    }

    #[test]
    fn an_address_that_is_none_or_names_another_one_is_refused() {
        for good in ["nora@example.com", " Nora+bank@Mail.example.com ", "o'neill@example.com"] {
            assert_eq!(email(good), Some(good.trim().to_lowercase()), "{good}");
        }
        for bad in [
            "nora",
            "@example.com",
            "nora@example",
            "nora@.com",
            "no ra@example.com",
            "x1<nora@example.com>",
            "<nora@example.com>",
            "eve@example.com,nora@example.com",
            "eve@a.com;nora@example.com",
            "a@b@example.com",
            "\"nora\"@example.com",
            "nora(x)@example.com",
            "nora@[127.0.0.1]",
            "nora\\@example.com",
            "to:nora@example.com",
        ] {
            assert_eq!(email(bad), None, "{bad}");
        }
    }

    #[test]
    fn no_session_begins_with_a_password_that_was_changed_meanwhile() {
        block_on(async {
            for dialect in [Dialect::Sqlite, Dialect::Postgres] {
                if let Some(database) = TestDatabase::of(dialect).await {
                    a_session_needs_the_present_password(database).await;
                }
            }
        });
    }
}
