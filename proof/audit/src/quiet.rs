//! Whether nothing is left to do: payments have ended, events are delivered and handled.
//!
//! Only databases are read, so it may be called while the institution runs.

use database::{Database, Options};

use crate::AuditError;
use crate::rows::all;

/// Rows that show unfinished work.
const UNDER_WAY: [&str; 3] = [
    "SELECT key FROM jobs WHERE queue = 'web monetization' LIMIT 1",
    "SELECT id FROM outgoing_payments WHERE state IN ('FUNDING', 'SENDING') LIMIT 1",
    "SELECT id FROM webhook_deliveries WHERE state = 'PENDING' LIMIT 1",
];

/// Rows that show unfinished work of the wallet.
const WALLET_AT_WORK: [&str; 3] = [
    "SELECT id FROM wallet_inbox WHERE state = 'new' LIMIT 1",
    "SELECT id FROM wallet_sends WHERE state = 'confirmed' LIMIT 1",
    "SELECT payment_id FROM wallet_holds WHERE state NOT IN ('settled', 'released') LIMIT 1",
];

/// Whether nothing is under way in the backend's database at `backend` and in the wallet's at `wallet`.
pub async fn quiet(backend: &str, wallet: &str) -> Result<bool, AuditError> {
    for sql in UNDER_WAY {
        if !empty(backend, sql).await? {
            return Ok(false);
        }
    }
    for sql in WALLET_AT_WORK {
        if !empty(wallet, sql).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn empty(url: &str, sql: &str) -> Result<bool, AuditError> {
    let database = Database::connect(url, &Options { postgres_connections: 2, ..Options::default() }).await?;
    let rows = all(&database, sql).await;
    database.close().await;
    Ok(rows?.is_empty())
}
