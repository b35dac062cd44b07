//! The begin of a transaction, whole even if its caller is dropped meanwhile.
//!
//! What a transaction does is decided by its owner.

use sea_orm::{DatabaseConnection, DatabaseTransaction, DbErr, TransactionOptions, TransactionTrait};

/// Begins a transaction. If the caller is dropped meanwhile, the transaction still begins, and is rolled back.
///
/// The driver of Postgres does not know that a transaction is open before the server has answered. If its future is dropped
/// between, the connection goes back to the pool inside of that transaction. What others then write on it is never
/// committed. Callers that are dropped while they wait for a connection cost a begin and a rollback for nobody.
pub(crate) async fn begin_whole(
    pool: &DatabaseConnection,
    options: TransactionOptions,
) -> Result<DatabaseTransaction, DbErr> {
    let pool = pool.clone();
    let beginning = tokio::spawn(async move { pool.begin_with_options(options).await });
    beginning.await.map_err(|error| DbErr::Custom(format!("a transaction was not begun: {error}")))?
}
