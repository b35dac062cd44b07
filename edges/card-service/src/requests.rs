//! The card service, and the handling of a request for its caller: store it, wait for its result, answer.
//!
//! The worker does everything else.

use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, Entropy, Timestamp};
use database::{Database, Error};
use http_kit::EventVerification;
use jobs::{NewJob, Worker};
use shared_cache::{Limiter, Rate, TooMany};
use uuid::Uuid;

use crate::callers::Callers;
use crate::outcome::Outcome;
use crate::store::{self, MIGRATIONS, Store};
use crate::tenants::Tenants;
use crate::wire::PaymentRequest;
use crate::work::{QUEUE, RequestWorker, worker};

/// How long a request waits after its deadline. At the deadline the worker cancels the payment.
const GRACE: Duration = Duration::from_secs(5);
/// How often waiting requests read the result, in case a wake-up is lost.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How long the result of a request is stored.
const KEPT: Duration = Duration::from_hours(24 * 30);

/// Settings of a card service.
#[derive(Clone)]
pub struct CardServiceSettings {
    /// How long the account-servicing entity may take to decide.
    pub timeout: Duration,
    /// The greatest difference between a request's time and the present.
    pub timestamp_tolerance: Duration,
    /// How webhooks are verified.
    pub events: EventVerification,
    /// Which points of sale are accepted.
    pub callers: Callers,
    /// How many requests one source may send.
    pub per_source: Rate,
    /// How many requests may name one wallet address.
    pub per_wallet_address: Rate,
}

/// The dependencies of a card service.
#[derive(Clone)]
pub struct CardServicePorts {
    /// Its own database.
    pub database: Database,
    /// The instance's Admin API, for each tenant.
    pub tenants: Tenants,
    /// Counts requests.
    pub limiter: Limiter,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// A card service. It is cheap to clone.
#[derive(Clone)]
pub struct CardService {
    inner: Arc<Service>,
}

struct Service {
    settings: CardServiceSettings,
    store: Store,
    worker: Worker,
    limiter: Limiter,
    clock: Arc<dyn Clock>,
}

/// The result of storing a request.
pub(crate) enum Received {
    /// The request is stored, now or earlier.
    Accepted,
    /// Its id was used for another request.
    OtherContent,
}

impl CardService {
    /// Migrates the tables. Called once before [`CardService::new`].
    pub async fn migrate(database: &Database) -> Result<(), Error> {
        database.migrate(&jobs::MIGRATIONS).await?;
        database.migrate(&MIGRATIONS).await?;
        Ok(())
    }

    /// Makes a card service on a migrated database.
    pub fn new(settings: CardServiceSettings, ports: CardServicePorts) -> Self {
        let store = Store::new(ports.database);
        let work = RequestWorker { store: store.clone(), tenants: ports.tenants, clock: Arc::clone(&ports.clock) };
        let worker = worker(work, ports.entropy);
        Self { inner: Arc::new(Service { settings, store, worker, limiter: ports.limiter, clock: ports.clock }) }
    }

    /// Handles requests until `shutdown` resolves, then waits for those under way.
    pub async fn work(&self, shutdown: impl Future<Output = ()> + Send) {
        match self.inner.store.forget(self.now().saturating_sub(KEPT)).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "old card requests were deleted"),
            Err(error) => tracing::warn!(%error, "old card requests were not deleted"),
        }
        self.inner.worker.clone().run(shutdown).await;
    }

    /// Handles everything that is due, for tests with a manual clock. Returns how many jobs ran.
    pub async fn work_due(&self) -> Result<usize, Error> {
        self.inner.worker.run_due().await
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), Error> {
        self.inner.store.find(Uuid::nil()).await.map(drop)
    }

    pub(crate) fn settings(&self) -> &CardServiceSettings {
        &self.inner.settings
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The time for signatures and for the clocks of terminals.
    pub(crate) fn wall(&self) -> Timestamp {
        self.inner.clock.wall()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Counts a request of `source`.
    pub(crate) async fn count_source(&self, source: &str) -> Result<(), TooMany> {
        self.inner.limiter.take(&self.inner.settings.per_source, source).await
    }

    /// Counts a request whose sender is believed, by its card holder.
    pub(crate) async fn count_payer(&self, request: &PaymentRequest) -> Result<(), TooMany> {
        self.inner.limiter.take(&self.inner.settings.per_wallet_address, &request.sender_wallet_address).await
    }

    /// Stores a request together with its job. A repetition changes nothing.
    pub(crate) async fn receive(&self, request: &PaymentRequest, asked: Option<Timestamp>) -> Result<Received, Error> {
        let now = self.now();
        let usual = now + self.inner.settings.timeout;
        let deadline = asked.map_or(usual, |asked| asked.min(usual).max(now));
        let transaction = self.inner.store.database().begin().await?;
        if store::insert(&transaction, request, now, deadline).await? {
            jobs::enqueue(&transaction, NewJob::new(QUEUE, request.request_id, now))?;
            transaction.commit().await?;
            return Ok(Received::Accepted);
        }
        transaction.rollback().await?;
        let kept = self.inner.store.find(request.request_id).await?;
        let same = kept.is_none_or(|kept| kept.digest == request.digest());
        Ok(if same { Received::Accepted } else { Received::OtherContent })
    }

    /// Makes the worker handle a request now.
    pub(crate) async fn look(&self, request_id: Uuid) -> Result<(), Error> {
        let Some(kept) = self.inner.store.find(request_id).await? else { return Ok(()) };
        if kept.outcome().is_some() {
            return Ok(());
        }
        let transaction = self.inner.store.database().begin().await?;
        jobs::enqueue(&transaction, NewJob::new(QUEUE, request_id, self.now()))?;
        transaction.commit().await
    }

    /// Waits for the result of a request, until shortly after its deadline.
    pub(crate) async fn wait(&self, request_id: Uuid) -> Result<Option<Outcome>, Error> {
        let mut ends = self.inner.store.ends(request_id);
        loop {
            let Some(kept) = self.inner.store.find(request_id).await? else { return Ok(None) };
            if let Some(outcome) = kept.outcome() {
                return Ok(Some(outcome.clone()));
            }
            if self.now() > kept.deadline + GRACE {
                return Ok(None);
            }
            tokio::select! {
                () = ends.notified() => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }
}
