//! The end of a user: what identifies the person is removed, and every session ends.
//!
//! Whether a wallet may be closed is decided in `leaving`.

use database::Error;
use uuid::Uuid;

use super::{Inner, NEWS_FOR, Users};
use crate::letters::Text;
use crate::sql::execute;

/// Tables with rows of a user that end with the user.
const OWN: [&str; 7] = [
    "wallet_sessions",
    "wallet_one_time_tokens",
    "wallet_email_changes",
    "wallet_half_sign_ins",
    "wallet_recovery_codes",
    "wallet_second_factors",
    "wallet_contacts",
];

impl Users {
    /// Closes a user. The e-mail address is free afterwards.
    pub(crate) async fn close(&self, user: Uuid, email: &str, letter: Text) -> Result<(), Error> {
        let Inner { database, letters, .. } = &*self.inner;
        let transaction = database.begin().await?;
        let sql = "UPDATE wallet_users SET state = 'closed', email = $2, name = '', password = ''
            WHERE id = $1 AND state <> 'closed'";
        // Without an @ it is the address of nobody.
        if execute(&transaction, sql, [user.into(), format!("closed {user}").into()]).await? == 0 {
            return Ok(());
        }
        for table in OWN {
            execute(&transaction, &format!("DELETE FROM {table} WHERE user_id = $1"), [user.into()]).await?;
        }
        letters.write(&transaction, email, letter, NEWS_FOR).await?;
        transaction.commit().await
    }
}
