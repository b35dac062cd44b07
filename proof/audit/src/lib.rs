//! The audit of an institution's books: rows, events, jobs, ledger and wallet must agree.
//!
//! It repairs nothing, and does not replace the ledger's own verifier. It reads a stopped institution and lists the
//! faults.

mod finding;
mod incoming;
mod leftovers;
mod outgoing;
mod quiet;
mod rows;
mod streamed;
mod wallet;

use std::sync::Arc;

use database::{Database, Error, Options};
use ledger::{Ledger, LedgerUnavailable};

pub use finding::Finding;
pub use quiet::quiet;

/// The databases of an institution. They must not change during the audit.
pub struct Books {
    /// The backend's database.
    pub backend: String,
    /// The backend's ledger.
    pub ledger: Arc<dyn Ledger>,
    /// The most that the smallest unit of any asset is worth in the smallest units of another. The packet that
    /// completes a payment may bring that much more than the amount, because a sender cannot send less than a unit.
    pub unit_worth_max: u128,
    /// The built-in wallet's books, if it is the account-servicing entity.
    pub wallet: Option<WalletBooks>,
}

/// The databases of the built-in wallet.
pub struct WalletBooks {
    /// Its database.
    pub database: String,
    /// Its ledger.
    pub ledger: Arc<dyn Ledger>,
}

/// The faults found, and the number of rows checked.
#[derive(Debug, Default)]
pub struct Audit {
    /// All faults; empty for correct books.
    pub findings: Vec<Finding>,
    /// Number of incoming payments checked.
    pub incoming_payments: usize,
    /// Number of outgoing payments checked.
    pub outgoing_payments: usize,
    /// The sum of all credits to wallet addresses themselves, over all assets.
    pub streamed: u128,
}

/// Why books could not be read.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// A database did not answer.
    #[error("the books cannot be read: {0}")]
    Database(#[from] Error),
    /// A row has another form than the audit expects.
    #[error("a row cannot be read: {0}")]
    Row(#[from] database::sea_orm::DbErr),
    /// A ledger did not answer.
    #[error(transparent)]
    Ledger(#[from] LedgerUnavailable),
}

/// Reads everything and compares.
pub async fn audit(books: &Books) -> Result<Audit, AuditError> {
    let database = Database::connect(&books.backend, &Options::default()).await?;
    let mut audit = Audit::default();

    let incoming = rows::incoming_payments(&database).await?;
    let outgoing = rows::outgoing_payments(&database).await?;
    let events = rows::events(&database).await?;
    audit.incoming_payments = incoming.len();
    audit.outgoing_payments = outgoing.len();

    audit.findings.extend(incoming::check(books, &incoming, &events).await?);
    audit.findings.extend(outgoing::check(&*books.ledger, &outgoing, &events).await?);
    let addresses = rows::wallet_addresses(&database).await?;
    let waiting = rows::addresses_with_money_to_announce(&database).await?;
    audit.findings.extend(streamed::check(&*books.ledger, &addresses, &waiting, &events).await?);
    audit.streamed = streamed::received(&*books.ledger, &addresses).await?;
    audit.findings.extend(leftovers::check(&database, &incoming, &outgoing).await?);

    if let Some(wallet) = &books.wallet {
        audit.findings.extend(wallet::check(wallet, &*books.ledger, &outgoing, &events).await?);
    }
    database.close().await;
    Ok(audit)
}
