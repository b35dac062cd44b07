//! Runs SQL statements on the wallet's database.
//!
//! The statements themselves are in the stores of each subject.

use database::{Database, Error, WriteTransaction};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};

/// The rows of a query. It may read a copy that is a moment old only in another process.
pub(crate) async fn read(
    database: &Database,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<QueryResult>, Error> {
    let reader = database.reader();
    let statement = Statement::from_sql_and_values(reader.get_database_backend(), sql, values);
    Ok(reader.query_all_raw(statement).await?)
}

/// The only row of a query.
pub(crate) async fn read_one(
    database: &Database,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Option<QueryResult>, Error> {
    Ok(read(database, sql, values).await?.pop())
}

/// Runs a statement. Returns how many rows it changed.
pub(crate) async fn execute(
    transaction: &WriteTransaction,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<u64, Error> {
    let statement = Statement::from_sql_and_values(transaction.get_database_backend(), sql, values);
    Ok(transaction.execute_raw(statement).await?.rows_affected())
}

/// The only row of a statement.
pub(crate) async fn one(
    transaction: &WriteTransaction,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Option<QueryResult>, Error> {
    let statement = Statement::from_sql_and_values(transaction.get_database_backend(), sql, values);
    Ok(transaction.query_one_raw(statement).await?)
}

/// An amount as a column stores it. The instance has no larger ones.
pub(crate) fn stored(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}

/// An amount of a column.
pub(crate) fn amount(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(0)
}
