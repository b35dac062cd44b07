//! Payments that named an agreement and came from an account from which it does not pay. Operators are told of them.
//!
//! The instance has to refuse such a payment. The wallet refuses it too, in `own_limits`.

use clock::Timestamp;
use database::{Database, Error};
use sea_orm::QueryResult;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::own_limits::Refusal;
use crate::sql::read;

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
