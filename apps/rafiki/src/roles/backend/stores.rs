//! The backend's stores: its database, the ledger and the shared cache.
//! What uses them is in `services`.

use std::sync::Arc;

use database::Database;
use ledger::Ledger;
use moving::MarkInUseError;
use payments_model::{Secret, TenantId};
use payments_store::Store;
use shared_cache::SharedCache;

use super::engine;
use crate::failure::Failure;
use crate::places::Place;
use crate::roles::cache::{self, open_cache};
use crate::roles::shared_deps::{SharedDeps, open};

/// Everything that outlives the process.
pub(super) struct Stores {
    pub(super) database: Database,
    pub(super) store: Store,
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) cache: SharedCache,
    /// The operator tenant. It exists in the store.
    pub(super) operator: TenantId,
}

impl Stores {
    /// Opens all stores. Migrates the database unless the operator does that.
    pub(super) async fn open(config: &config::Backend, deps: &SharedDeps) -> Result<Self, Failure> {
        let database = open(&Place::of_backend(config)).await?;
        let store = if config.manual_migrations {
            Store::open_migrated(database.clone()).await.map_err(failed)?
        } else {
            cache::migrate(&database).await.map_err(failed)?;
            Store::open(database.clone()).await.map_err(failed)?
        };
        // An unfinished move must be completed first. After this start no further pass may write here.
        moving::mark_in_use(&database, deps.clock.now()).await.map_err(|error| match error {
            MarkInUseError::Incomplete => Failure::start("the backend", error),
            MarkInUseError::Database(error) => failed(error),
        })?;
        let operator = TenantId::from_uuid(config.operator_tenant_id);
        ensure_operator(&store, config, operator, deps).await.map_err(failed)?;

        let ledger = store.telling(engine::open(config, deps).await?);
        let cache = open_cache(config.redis.as_ref(), &config.database, &database, deps.clock.clone()).await?;
        Ok(Self { database, store, ledger, cache, operator })
    }
}

/// The backend's database failed.
pub(super) fn failed(error: database::Error) -> Failure {
    Failure::start("the backend's database", error)
}

async fn ensure_operator(
    store: &Store,
    config: &config::Backend,
    operator: TenantId,
    deps: &SharedDeps,
) -> Result<(), database::Error> {
    let unit = store.begin().await?;
    let secret = Secret::new(config.admin_api.secret.expose());
    unit.every_tenant().ensure_operator(operator, &secret, deps.clock.now()).await?;
    unit.commit().await
}
