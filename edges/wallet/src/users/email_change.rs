//! Another e-mail address: it counts after its owner has opened a link that was sent there.
//!
//! Whether the person at the page may change it is decided with the password before.

use std::time::Duration;

use database::Error;
use uuid::Uuid;

use super::attempts::{self, Claim, Subject};
use super::sessions::{Session, Visitor, hash_of};
use super::{Checked, Inner, NEWS_FOR, Users, email};
use crate::letters::Texts;
use crate::sql::{execute, one};

/// A link may be used for so long.
const WITHIN: Duration = Duration::from_hours(24);

/// Why the address is not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EmailChangeError {
    #[error("Write an e-mail address such as name@example.com.")]
    Unreadable,
    #[error("This is not your present password.")]
    Wrong,
    #[error("There were too many attempts.")]
    Paused(Duration),
    #[error(transparent)]
    Store(#[from] Error),
}

impl Users {
    /// Sends a link to the new address, and tells the present one. The answer is the same if somebody else has it.
    pub(crate) async fn ask_for_email(
        &self,
        session: &Session,
        written: &str,
        password: &str,
        visitor: &Visitor,
        texts: &Texts<'_>,
    ) -> Result<(), EmailChangeError> {
        let Inner { database, clock, entropy, letters, .. } = &*self.inner;
        let new = email(written).ok_or(EmailChangeError::Unreadable)?;
        match self.check_password(&session.email, password, visitor).await? {
            Checked::Right(_) => {}
            Checked::Wrong => return Err(EmailChangeError::Wrong),
            Checked::Paused(wait) => return Err(EmailChangeError::Paused(wait)),
        }
        // Only now: a wrong password shall not keep letters from somebody else.
        if let Claim::Paused(wait) = attempts::claim(database, Subject::Letters(&new), clock.now()).await? {
            return Err(EmailChangeError::Paused(wait));
        }

        let token = hex::encode(entropy.bytes::<32>());
        let transaction = database.begin().await?;
        let taken = one(&transaction, "SELECT id FROM wallet_users WHERE email = $1", [new.as_str().into()]).await?;
        if taken.is_none() {
            let sql = "INSERT INTO wallet_email_changes (user_id, token, email, expires_at) VALUES ($1, $2, $3, $4)
                ON CONFLICT (user_id) DO UPDATE SET token = excluded.token, email = excluded.email,
                    expires_at = excluded.expires_at";
            let expires_at = clock.now().saturating_add(WITHIN).as_millis();
            let values = [session.user.into(), hash_of(&token).into(), new.as_str().into(), expires_at.into()];
            execute(&transaction, sql, values).await?;
            letters.write(&transaction, &new, texts.new_address(&token), WITHIN).await?;
        }
        letters.write(&transaction, &session.email, texts.address_asked(&new), NEWS_FOR).await?;
        Ok(transaction.commit().await?)
    }

    /// Takes the new address over. `false` if the link has ended, or if somebody else has the address by now.
    pub(crate) async fn change_email(&self, token: &str, texts: &Texts<'_>) -> Result<bool, Error> {
        let Inner { database, clock, letters, .. } = &*self.inner;
        let transaction = database.begin().await?;
        let take = "DELETE FROM wallet_email_changes WHERE token = $1 AND expires_at > $2 RETURNING user_id, email";
        let taken = one(&transaction, take, [hash_of(token).into(), clock.now().as_millis().into()]).await?;
        let Some(row) = taken else { return Ok(false) };
        let (user, new): (Uuid, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        let find = "SELECT email FROM wallet_users WHERE id = $1 AND state = 'active'";
        let old = one(&transaction, find, [user.into()]).await?;
        let Some(row) = old else { return Ok(false) };
        let old: String = row.try_get_by_index(0)?;
        let change = "UPDATE wallet_users SET email = $2 WHERE id = $1
            AND NOT EXISTS (SELECT 1 FROM wallet_users WHERE email = $2)";
        if execute(&transaction, change, [user.into(), new.as_str().into()]).await? == 0 {
            return Ok(false);
        }
        // Letters with links went to the old address.
        execute(&transaction, "DELETE FROM wallet_one_time_tokens WHERE user_id = $1", [user.into()]).await?;
        letters.write(&transaction, &old, texts.address_changed(&new), NEWS_FOR).await?;
        transaction.commit().await?;
        Ok(true)
    }
}
