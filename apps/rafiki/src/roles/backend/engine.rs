//! Which ledger engine runs. The only place that knows.

use std::sync::Arc;

use config::Accounting;
use ledger::Ledger;
use ledger_sql::SqlLedger;

use crate::failure::Failure;
use crate::roles::ground::Ground;

pub(crate) async fn open(config: &config::Backend, ground: &Ground) -> Result<Arc<dyn Ledger>, Failure> {
    match &config.accounting {
        Accounting::Sql => {
            let ledger = SqlLedger::open(config.ledger_database.expose(), Arc::clone(&ground.clock)).await;
            Ok(Arc::new(ledger.map_err(|error| Failure::start("the ledger", error))?))
        }
        Accounting::TigerBeetle { .. } => Err(Failure::start(
            "the ledger",
            "USE_TIGERBEETLE is set, and this build keeps its ledger in SQL; unset it or set it to false",
        )),
    }
}
