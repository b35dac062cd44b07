//! The target of a move: our databases and our ledger.
//! The original is in `source`.

use std::collections::HashMap;
use std::sync::Arc;

use clock::Clock;
use database::{BulkTable, Database};
use ledger::Ledger;
use rafiki_tables::table::Table;
use rafiki_tables::version::Side;

use crate::error::MoveError;
use crate::progress::MIGRATIONS;

/// Our databases and our ledger.
#[derive(Clone)]
pub struct Target {
    pub(crate) backend: Database,
    pub(crate) auth: Database,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").finish_non_exhaustive()
    }
}

impl Target {
    /// Brings the tables up to date.
    pub async fn open(
        backend: Database,
        auth: Database,
        ledger: Arc<dyn Ledger>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, MoveError> {
        for migrations in [&payments_store::MIGRATIONS, &jobs::MIGRATIONS, &MIGRATIONS] {
            backend.migrate(migrations).await?;
        }
        auth.migrate(&auth_store::MIGRATIONS).await?;
        auth.migrate(&jobs::MIGRATIONS).await?;
        Ok(Self { backend, auth, ledger, clock })
    }

    /// Our ledger.
    pub fn ledger(&self) -> &dyn Ledger {
        &*self.ledger
    }

    pub(crate) fn database(&self, side: Side) -> &Database {
        match side {
            Side::Backend => &self.backend,
            Side::Auth => &self.auth,
        }
    }

    /// The tables as the databases describe them.
    pub(crate) async fn tables(&self) -> Result<HashMap<Table, BulkTable>, MoveError> {
        let mut tables = HashMap::new();
        for table in Table::ALL {
            let described = self.database(table.side()).bulk_table(table.name(), table.key()).await?;
            tables.insert(table, described);
        }
        Ok(tables)
    }
}
