//! The accounts from which an agreement pays.
//!
//! Payments that name the agreement and come from another account are refused in `own_limits`, and listed in
//! `foreign_payments`.

use database::{Database, Error, WriteTransaction};
use uuid::Uuid;

use crate::sql::{execute, one};

/// Notes the accounts from which an agreement pays, before it can. Those that were noted before stay.
pub(crate) async fn note(
    database: &Database,
    grant: &str,
    accounts: impl IntoIterator<Item = Uuid>,
) -> Result<(), Error> {
    let transaction = database.begin().await?;
    for account in accounts {
        let sql = "INSERT INTO wallet_agreement_payers (grant_id, account_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        execute(&transaction, sql, [grant.into(), account.into()]).await?;
    }
    transaction.commit().await
}

/// Whether it is known that an agreement pays from other accounts, and not from this one.
pub(crate) async fn is_foreign(transaction: &WriteTransaction, grant: &str, account: Uuid) -> Result<bool, Error> {
    let sql = "SELECT CAST(MAX(CASE WHEN account_id = $2 THEN 1 ELSE 0 END) AS bigint) FROM wallet_agreement_payers
        WHERE grant_id = $1";
    let row = one(transaction, sql, [grant.into(), account.into()]).await?;
    let is_payer: Option<i64> = row.map(|row| row.try_get_by_index(0)).transpose()?.flatten();
    Ok(is_payer == Some(0))
}
