//! The end of a user: from the wish on nobody is signed in, and in the end what identifies the person is removed.
//!
//! Whether a wallet may be closed is decided in `leaving`. What stays is what the books name: the accounts with their
//! names and addresses, their movements, and the payments of the customer, with notes and the other sides.

use database::{Error, WriteTransaction};
use jobs::{IfWaiting, Job, NewJob};
use page_kit::Words;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::sessions::Session;
use super::{Inner, NEWS_FOR, Users, end_links};
use crate::letters::Text;
use crate::sql::{execute, one, read_one};

/// The queue of wallets to be closed. The key is the user.
pub(crate) const LEAVINGS: &str = "wallet leavings";

/// A wish to leave, as the job reads it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LeavingWish {
    /// What is asked of the instance for this wish has keys of it, so a request that arrives late changes nothing.
    #[serde(default)]
    pub(crate) id: Uuid,
    /// Of the letter.
    pub(crate) language: String,
}

/// How far somebody who wants to leave is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Departure {
    /// It is not decided yet whether the wallet is closed.
    Wanted,
    /// The wallet stays open. Its addresses may still be off.
    GivenUp,
}

impl Departure {
    const ALL: [Self; 2] = [Self::Wanted, Self::GivenUp];

    fn as_str(self) -> &'static str {
        match self {
            Self::Wanted => "leaving",
            Self::GivenUp => "staying",
        }
    }

    /// That of a user in this state.
    pub(super) fn read(state: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == state)
    }
}

/// Tables with rows of a user that end with the user. Those of other modules are emptied afterwards.
const OWN: [&str; 7] = [
    "wallet_sessions",
    "wallet_one_time_tokens",
    "wallet_email_changes",
    "wallet_half_sign_ins",
    "wallet_recovery_codes",
    "wallet_second_factors",
    "wallet_passkeys",
];

impl Users {
    /// Ends all sessions of a user, who wants to leave, together with the job that closes the wallet.
    pub(crate) async fn begin_leaving(&self, session: &Session, words: Words) -> Result<(), Error> {
        let Inner { database, clock, entropy, .. } = &*self.inner;
        let transaction = database.begin().await?;
        let sql = "UPDATE wallet_users SET state = $2 WHERE id = $1 AND state = 'active'";
        if execute(&transaction, sql, [session.user.into(), Departure::Wanted.as_str().into()]).await? == 0 {
            return Ok(());
        }
        execute(&transaction, "DELETE FROM wallet_sessions WHERE user_id = $1", [session.user.into()]).await?;
        end_links(&transaction, session.user).await?;
        let job = NewJob {
            queue: LEAVINGS,
            key: session.user.to_string(),
            lane: String::new(),
            payload: LeavingWish { id: entropy.uuid(), language: words.code().to_owned() },
            run_at: clock.now(),
            carried: None,
            if_waiting: IfWaiting::default(),
        };
        jobs::enqueue(&transaction, job)?;
        transaction.commit().await
    }

    /// How far somebody who has asked to leave is; `None` if nobody has, or it is done.
    pub(crate) async fn departure(&self, user: Uuid) -> Result<Option<Departure>, Error> {
        Ok(self.state_of(user).await?.as_deref().and_then(Departure::read))
    }

    /// Decides that the wallet stays open. The job runs once more for the rest. Who has lost the job decides nothing.
    pub(crate) async fn give_up_leaving(&self, job: &Job, user: Uuid) -> Result<(), Error> {
        let Inner { database, clock, .. } = &*self.inner;
        let transaction = database.begin().await?;
        let [from, to] = [Departure::Wanted, Departure::GivenUp].map(Departure::as_str);
        let sql = "UPDATE wallet_users SET state = $3 WHERE id = $1 AND state = $2";
        execute(&transaction, sql, [user.into(), from.into(), to.into()]).await?;
        job.run_again(&transaction, clock.now());
        transaction.commit().await
    }

    /// Lets somebody whose wallet stays open sign in again, and ends the job.
    pub(crate) async fn stay(&self, job: &Job, user: Uuid, letter: Text) -> Result<(), Error> {
        let Inner { database, letters, .. } = &*self.inner;
        let transaction = database.begin().await?;
        if let Some(email) = email_of(&transaction, user, Departure::GivenUp).await? {
            execute(&transaction, "UPDATE wallet_users SET state = 'active' WHERE id = $1", [user.into()]).await?;
            letters.write(&transaction, &email, letter, NEWS_FOR).await?;
        }
        job.complete(&transaction);
        transaction.commit().await
    }

    /// Closes a user who wanted to leave. The e-mail address is free afterwards. The job runs once more for what other
    /// modules have to forget.
    pub(crate) async fn close(&self, job: &Job, user: Uuid, letter: Text) -> Result<(), Error> {
        let Inner { database, clock, letters, .. } = &*self.inner;
        let transaction = database.begin().await?;
        if let Some(email) = email_of(&transaction, user, Departure::Wanted).await? {
            let sql = "UPDATE wallet_users SET state = 'closed', email = $2, name = '', password = '' WHERE id = $1";
            // Without an @ it is the address of nobody.
            execute(&transaction, sql, [user.into(), format!("closed {user}").into()]).await?;
            for table in OWN {
                execute(&transaction, &format!("DELETE FROM {table} WHERE user_id = $1"), [user.into()]).await?;
            }
            letters.write(&transaction, &email, letter, NEWS_FOR).await?;
        }
        job.run_again(&transaction, clock.now());
        transaction.commit().await
    }

    /// Whether the wallet of a user is open.
    pub(crate) async fn is_active(&self, user: Uuid) -> Result<bool, Error> {
        Ok(self.state_of(user).await?.as_deref() == Some("active"))
    }

    /// Whether it is closed for good.
    pub(crate) async fn is_closed(&self, user: Uuid) -> Result<bool, Error> {
        Ok(self.state_of(user).await?.as_deref() == Some("closed"))
    }

    async fn state_of(&self, user: Uuid) -> Result<Option<String>, Error> {
        let sql = "SELECT state FROM wallet_users WHERE id = $1";
        let state = read_one(&self.inner.database, sql, [user.into()]).await?;
        Ok(state.map(|row| row.try_get_by_index(0)).transpose()?)
    }
}

/// The address of a user who is so far.
async fn email_of(transaction: &WriteTransaction, user: Uuid, departure: Departure) -> Result<Option<String>, Error> {
    let sql = "SELECT email FROM wallet_users WHERE id = $1 AND state = $2";
    let row = one(transaction, sql, [user.into(), departure.as_str().into()]).await?;
    Ok(row.map(|row| row.try_get_by_index(0)).transpose()?)
}
