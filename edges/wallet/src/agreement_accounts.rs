//! The accounts from which an agreement pays, and payments that named the agreement and came from another account.
//!
//! The instance has to refuse such a payment. The wallet refuses it too, in `own_limits`, and its operators are told.

use clock::Timestamp;
use database::{Database, Error, WriteTransaction};
use sea_orm::QueryResult;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::own_limits::Refusal;
use crate::sql::{execute, one, read};

/// The most payments that operators are told of at once.
const AT_ONCE: u32 = 50;

/// A payment that got no money, because its agreement does not pay from its account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ForeignPayment {
    pub(crate) payment: Uuid,
    pub(crate) grant: String,
    pub(crate) account: Uuid,
    pub(crate) made_at: Timestamp,
}

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

/// The payments since an instant whose agreement does not pay from their account, the newest first.
pub(crate) async fn foreign(database: &Database, since: Timestamp) -> Result<Vec<ForeignPayment>, Error> {
    let sql = format!(
        "SELECT payment_id, grant_id, account_id, made_at FROM wallet_agreement_uses
        WHERE refusal = $1 AND made_at >= $2 ORDER BY made_at DESC, payment_id LIMIT {AT_ONCE}"
    );
    let rows = read(database, &sql, [Refusal::Account.as_str().into(), since.as_millis().into()]).await?;
    let payment = |row: &QueryResult| {
        Ok(ForeignPayment {
            payment: row.try_get_by_index(0)?,
            grant: row.try_get_by_index(1)?,
            account: row.try_get_by_index(2)?,
            made_at: Timestamp::from_millis(row.try_get_by_index(3)?),
        })
    };
    rows.iter().map(payment).collect()
}
