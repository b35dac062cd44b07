//! Chooses the ledger engine. No other file depends on which engine is used.
//! The engines are in `adapters`.

use std::sync::Arc;

use ledger::Ledger;
use ledger_sql::SqlLedger;

use crate::failure::Failure;
use crate::ledger_place::LedgerPlace;
use crate::roles::shared_deps::SharedDeps;

/// Opens the ledger. A cluster need not answer yet; until it does, health checks fail.
pub(crate) async fn open(config: &config::Backend, deps: &SharedDeps) -> Result<Arc<dyn Ledger>, Failure> {
    match LedgerPlace::of(config) {
        LedgerPlace::Database(url) => {
            let ledger = SqlLedger::open(&url, Arc::clone(&deps.wall)).await;
            Ok(Arc::new(ledger.map_err(|error| Failure::start("the ledger", error))?))
        }
        LedgerPlace::Cluster(cluster) => {
            let ledger = cluster.join().await;
            Ok(Arc::new(ledger.map_err(|error| Failure::start("the ledger", error))?))
        }
    }
}
