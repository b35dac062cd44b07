//! What the payments note when an event has moved money, and what they know about it.
//!
//! Requests and drafts themselves are in `requests` and `sending`.

use database::{Database, Error};
use uuid::Uuid;

use crate::sql::{read_one, stored};

/// Notes what was credited for a request, if the incoming payment is one.
pub(crate) async fn came(database: &Database, payment: Uuid, amount: u64) -> Result<(), Error> {
    let sql = "UPDATE wallet_requests SET came = $2 WHERE payment_id = $1";
    database.execute(sql, [payment.into(), stored(amount).into()]).await.map(drop)
}

/// The name that the payee of this offer published.
pub(crate) async fn payee_name(database: &Database, offer: Uuid) -> Result<Option<String>, Error> {
    let sql = "SELECT payee_name FROM wallet_sends WHERE quote_id = $1";
    let row = read_one(database, sql, [offer.into()]).await?;
    Ok(row.map(|row| row.try_get_by_index(0)).transpose()?.flatten())
}
