//! The backend's background work: jobs of payments, deliveries of events, the watch over the ledger.
//! The work itself is in the services.

use std::sync::Arc;

use directory::Directory;
use jobs::{Handler, Worker};
use payments_store::Store;
use webhooks::{Deliverer, DeliveryCounts, DeliveryEnds, Kept, PURGE_QUEUE, Purger, Targets};

use super::ledger_watch::LedgerWatch;
use super::peer_notes::PeerNotes;
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
    let Services {
        metrics, payments, administration, targets, directory, directory_sync, connector, receivers, ..
    } = services;

    for worker in metrics.gather(|| payments.workers()) {
        running.work(|stop| worker.run(stop));
    }

    let mirroring = metrics.gather(|| administration.tenant_mirror_worker());
    running.work(|stop| mirroring.run(stop));

    if config.workers.webhooks > 0 {
        let deliverer = metrics.gather(|| deliverer(config, &stores.store, directory, targets, deps));
        running.work(|stop| deliverer.run(stop));
        let kept = Kept { events: config.webhooks.events_kept, attempts: config.webhooks.attempts_kept };
        let (store, ledger) = (stores.store.clone(), Arc::clone(&stores.ledger));
        let purger = Purger { store, ledger, clock: deps.clock.clone(), kept };
        let purging = worker(&stores.store, deps, PURGE_QUEUE, Arc::new(purger.clone()), webhooks::purge_settings());
        running.work(|stop| purge(purger, purging, stop));
    }
    if let Some(watch) = watch {
        running.work(|stop| watch.run(stop));
    }

    let certificates = administration.clone();
    running.work(|stop| super::peer_certificates::look_after(certificates, stop));
    let notes = PeerNotes::new(stores.store.clone(), connector);
    running.work(|stop| notes.follow(stop));

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
    targets: Arc<Targets>,
    deps: &SharedDeps,
) -> Worker {
    let deliverer = Deliverer {
        store: store.clone(),
        directory,
        targets,
        http: deps.http.clone(),
        clock: deps.clock.clone(),
        entropy: deps.entropy.clone(),
        counts: DeliveryCounts::default(),
        sealer: super::services::sealer(config),
        ends: DeliveryEnds::new(store),
    };
    // The reference counts loops of one delivery each. Here one worker makes many at the same time.
    let at_once = usize::from(config.workers.webhooks).saturating_mul(32);
    let settings = webhooks::worker_settings(at_once);
    worker(store, deps, webhooks::QUEUE, Arc::new(deliverer), settings)
}

/// Removes old events until the role stops.
async fn purge(purger: Purger, worker: Worker, stop: impl Future<Output = ()> + Send) {
    if let Err(error) = purger.begin().await {
        tracing::warn!(error = &error as &dyn std::error::Error, "old events are purged after the next start");
    }
    worker.run(stop).await;
}

fn worker(
    store: &Store,
    deps: &SharedDeps,
    queue: &str,
    handler: Arc<dyn Handler>,
    settings: jobs::WorkerSettings,
) -> Worker {
    Worker::new(store.database().clone(), deps.clock.clone(), deps.entropy.clone(), queue, handler, settings)
}
