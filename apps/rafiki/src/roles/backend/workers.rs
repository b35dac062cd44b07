//! The backend's background work: jobs of payments, deliveries of events, the watch over the ledger.

use std::sync::Arc;

use directory::Directory;
use jobs::Worker;
use payments_model::Secret;
use payments_store::Store;
use webhooks::{Deliverer, DeliveryCounts, DeliveryEnds, Signing, Targets};

use super::ledger_watch::LedgerWatch;
use super::services::Services;
use super::stores::Stores;
use crate::roles::running::Running;
use crate::roles::shared_deps::SharedDeps;

/// Starts every worker that the configuration asks for.
pub(super) fn start(
    running: &mut Running,
    stores: &Stores,
    services: Services,
    watch: Option<LedgerWatch>,
    config: &config::Backend,
    deps: &SharedDeps,
) {
    let Services { metrics, payments, targets, directory, directory_sync, receivers, .. } = services;
    for worker in metrics.gather(|| payments.workers()) {
        running.work(|stop| worker.run(stop));
    }
    if config.workers.webhooks > 0 {
        let deliverer = metrics.gather(|| deliverer(config, &stores.store, directory, targets, deps));
        running.work(|stop| deliverer.run(stop));
    }
    if let Some(watch) = watch {
        running.work(|stop| watch.run(stop));
    }
    running.work(|stop| async move { directory_sync.follow(stop).await });
    running.work(|_| async move {
        // Notes the credits of a process that ended before it could note them.
        receivers.reconcile_until_done().await;
    });
}

fn deliverer(
    config: &config::Backend,
    store: &Store,
    directory: Directory,
    targets: Targets,
    deps: &SharedDeps,
) -> Worker {
    let signing = config
        .webhooks
        .secret
        .as_ref()
        .map(|secret| Signing { secret: Secret::new(secret.expose()), version: config.webhooks.signature_version });
    let deliverer = Deliverer {
        store: store.clone(),
        directory,
        targets: Arc::new(targets),
        signing,
        http: deps.http.clone(),
        clock: deps.clock.clone(),
        entropy: deps.entropy.clone(),
        counts: DeliveryCounts::default(),
        sealer: super::services::sealer(config),
        ends: DeliveryEnds::new(store),
    };
    // The reference counts loops of one delivery each. Here one worker makes many at the same time.
    let at_once = usize::from(config.workers.webhooks).saturating_mul(32);
    Worker::new(
        store.database().clone(),
        deps.clock.clone(),
        deps.entropy.clone(),
        webhooks::QUEUE,
        Arc::new(deliverer),
        webhooks::worker_settings(at_once),
    )
}
