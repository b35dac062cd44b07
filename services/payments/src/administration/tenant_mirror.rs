//! Mirrors tenants at the authorization server: one job per tenant, repeated until both servers agree.
//!
//! It does not change tenants. The job reads the tenant as it is when it runs, so jobs that overlap end in the same
//! state.

use std::sync::Arc;

use async_trait::async_trait;
use auth_service::TenantMirror;
use jobs::{Done, Failure, Handler, Job, Worker, WorkerSettings};
use payments_model::TenantId;
use payments_store::Store;

use super::Administration;
use crate::queues::TENANT_MIRROR_QUEUE;

impl Administration {
    /// The worker that mirrors tenants. It runs until shutdown, and any number of processes may run it.
    pub fn tenant_mirror_worker(&self) -> Worker {
        let handler = Arc::new(Mirroring { store: self.store.clone(), mirror: Arc::clone(&self.mirror) });
        let (clock, entropy) = (Arc::clone(&self.clock), Arc::clone(&self.entropy));
        let database = self.store.database().clone();
        Worker::new(database, clock, entropy, TENANT_MIRROR_QUEUE, handler, WorkerSettings::default())
    }
}

struct Mirroring {
    store: Store,
    mirror: Arc<dyn TenantMirror>,
}

#[async_trait]
impl Handler for Mirroring {
    async fn run(&self, job: &Job) -> Result<Done, Failure> {
        let id: TenantId = job.key().parse()?;
        if let Some(tenant) = self.store.tenant(id).find_tenant(id).await? {
            self.mirror.bring_in_line(&tenant).await?;
        }
        Ok(Done::Complete)
    }
}
