//! Users as other modules know them: by id, or by e-mail address.
//! What a user can do with the own address is in `email_change`.

use std::collections::BTreeMap;

use database::Error;
use uuid::Uuid;

use super::Users;
use crate::sql::{read, read_one};

impl Users {
    /// The user with this e-mail address, in small letters, whose wallet is not closed.
    pub(crate) async fn with_email(&self, email: &str) -> Result<Option<Uuid>, Error> {
        let sql = "SELECT id FROM wallet_users WHERE email = $1 AND state <> 'closed'";
        let row = read_one(&self.inner.database, sql, [email.into()]).await?;
        Ok(row.map(|row| row.try_get_by_index(0)).transpose()?)
    }

    /// The e-mail addresses of those of these users whose wallet is not closed.
    pub(crate) async fn emails_of(&self, users: &[Uuid]) -> Result<BTreeMap<Uuid, String>, Error> {
        if users.is_empty() {
            return Ok(BTreeMap::new());
        }
        let places: Vec<String> = (1..=users.len()).map(|place| format!("${place}")).collect();
        let sql = format!(
            "SELECT id, email FROM wallet_users WHERE state <> 'closed' AND email IS NOT NULL AND id IN ({})",
            places.join(", ")
        );
        let rows = read(&self.inner.database, &sql, users.iter().map(|user| (*user).into())).await?;
        rows.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
    }
}
