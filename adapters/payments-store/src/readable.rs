//! Reads lists that are kept in memory. A row that cannot be read is left out, and the others stay.
//!
//! It is not for decisions about one payment: there an unreadable row is an error.

use database::Error;
use sea_orm::entity::prelude::*;
use sea_orm::{FromQueryResult, QueryTrait};

/// Applies `read` to every row of `select`. Rows that cannot be read are logged and left out.
pub(crate) async fn readable<E: EntityTrait, T>(
    connection: &impl ConnectionTrait,
    select: &Select<E>,
    read: impl Fn(E::Model) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let rows = connection.query_all_raw(select.build(connection.get_database_backend())).await?;
    let read = |row| E::Model::from_query_result(row, "").map_err(Error::from).and_then(&read);
    Ok(rows.iter().filter_map(|row| or_left_out(E::default().table_name(), read(row))).collect())
}

/// `None` for a row that cannot be read.
pub(crate) fn or_left_out<T>(table: &str, row: Result<T, Error>) -> Option<T> {
    row.inspect_err(|error| tracing::error!(table, %error, "ALERT a row cannot be read and is left out; correct it"))
        .ok()
}
