//! The point of sale, and the handling of a tap for its terminal: store it, wait for its result, answer.
//!
//! The workers do everything else.

use std::sync::Arc;
use std::time::Duration;

use admin_client::AdminClient;
use clock::{Clock, Entropy, Timestamp};
use database::{Database, Error};
use http_kit::EventVerification;
use http_signatures::Signer;
use jobs::{NewJob, Worker};
use outbound_http::Outbound;
use shared_cache::{Limiter, Rate};
use uuid::Uuid;

use crate::asked_card::PayerSide;
use crate::outcome::Outcome;
use crate::refund::{self, RefundWork};
use crate::store::{self, Again, MIGRATIONS, Refund, Store, StoredTap};
use crate::tap::{self, QUEUE, TapWorker};
use crate::terminals::{self, NewTerminal, TerminalRecord, Terminals};
use crate::wire::TapRequest;

/// How long a terminal waits after the deadline. At the deadline the worker closes the incoming payment.
const GRACE: Duration = Duration::from_secs(5);
/// How often waiting requests read the result, in case a wake-up is lost.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Settings of a point of sale.
#[derive(Clone)]
pub struct PointOfSaleSettings {
    /// The longest time from the receipt of a tap to the arrival of its money.
    pub timeout: Duration,
    /// How long an incoming payment is open after that.
    pub margin: Duration,
    /// How webhooks are verified.
    pub events: EventVerification,
    /// Which terminals are accepted.
    pub terminals: Terminals,
    /// How many requests one source may send.
    pub per_source: Rate,
}

/// The dependencies of a point of sale.
#[derive(Clone)]
pub struct PointOfSalePorts {
    /// Its own database.
    pub database: Database,
    /// The instance's Admin API, with the operator's rights.
    pub admin: AdminClient,
    /// The HTTP client for other institutions.
    pub http: Outbound,
    /// Signs requests to card services with the key of the instance.
    pub signer: Option<Arc<Signer>>,
    /// Counts requests.
    pub limiter: Limiter,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// A point-of-sale service. It is cheap to clone.
#[derive(Clone)]
pub struct PointOfSale {
    inner: Arc<Service>,
}

struct Service {
    settings: PointOfSaleSettings,
    store: Store,
    admin: AdminClient,
    taps: Worker,
    refunds: Worker,
    limiter: Limiter,
    clock: Arc<dyn Clock>,
}

/// The result of storing a tap.
pub(crate) enum Received {
    /// The tap is stored, now or earlier.
    Accepted,
    /// Its id was used for another tap.
    OtherContent,
}

/// The result of a request for a refund.
pub(crate) enum RefundAsked {
    /// The refund is under way, or was made before.
    Accepted,
    /// There is nothing to refund.
    NotPaid,
}

impl PointOfSale {
    /// Migrates the tables. Called once before [`PointOfSale::new`].
    pub async fn migrate(database: &Database) -> Result<(), Error> {
        database.migrate(&jobs::MIGRATIONS).await?;
        database.migrate(&MIGRATIONS).await?;
        Ok(())
    }

    /// Makes a point of sale on a migrated database.
    pub fn new(settings: PointOfSaleSettings, ports: PointOfSalePorts) -> Self {
        let (store, clock) = (Store::new(ports.database), ports.clock);
        let work = TapWorker {
            store: store.clone(),
            admin: ports.admin.clone(),
            payer_side: PayerSide { http: ports.http, signer: ports.signer },
            clock: Arc::clone(&clock),
            margin: settings.margin,
            settlement_reserve: (settings.timeout / 3).min(Duration::from_secs(10)),
        };
        let refunds = RefundWork { store: store.clone(), admin: ports.admin.clone(), clock: Arc::clone(&clock) };
        let inner = Service {
            settings,
            store,
            admin: ports.admin,
            taps: tap::worker(work, Arc::clone(&ports.entropy)),
            refunds: refund::worker(refunds, ports.entropy),
            limiter: ports.limiter,
            clock,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Handles taps until `shutdown` resolves, then waits for those under way.
    pub async fn work_taps(&self, shutdown: impl Future<Output = ()> + Send) {
        self.inner.taps.clone().run(shutdown).await;
    }

    /// Handles refunds until `shutdown` resolves, then waits for those under way.
    pub async fn work_refunds(&self, shutdown: impl Future<Output = ()> + Send) {
        self.inner.refunds.clone().run(shutdown).await;
    }

    /// Handles everything that is due, for tests with a manual clock. Returns how many jobs ran.
    pub async fn work_due(&self) -> Result<usize, Error> {
        Ok(self.inner.taps.run_due().await? + self.inner.refunds.run_due().await?)
    }

    /// Registers a terminal; `false` if its id is registered.
    pub async fn add_terminal(database: &Database, new: &NewTerminal, now: Timestamp) -> Result<bool, Error> {
        terminals::add(database, new, now).await
    }

    /// Revokes a terminal; `false` if there was none to revoke.
    pub async fn revoke_terminal(database: &Database, id: &str, now: Timestamp) -> Result<bool, Error> {
        terminals::revoke(database, id, now).await
    }

    /// Every terminal.
    pub async fn list_terminals(database: &Database) -> Result<Vec<TerminalRecord>, Error> {
        terminals::list(database).await
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), Error> {
        self.inner.store.find(Uuid::nil()).await.map(drop)
    }

    pub(crate) fn settings(&self) -> &PointOfSaleSettings {
        &self.inner.settings
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(crate) fn admin(&self) -> &AdminClient {
        &self.inner.admin
    }

    pub(crate) fn limiter(&self) -> &Limiter {
        &self.inner.limiter
    }

    /// The time for signatures and for the clocks of terminals.
    pub(crate) fn wall(&self) -> Timestamp {
        self.inner.clock.wall()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Stores a tap together with its job. A repetition changes nothing.
    pub(crate) async fn receive(&self, request: &TapRequest, terminal: Option<&str>) -> Result<Received, Error> {
        let (id, now) = (request.id(), self.now());
        let transaction = self.inner.store.database().begin().await?;
        let deadline = now + self.inner.settings.timeout;
        if store::insert(&transaction, id, request, terminal, now, deadline).await? {
            let lane = request.sender_wallet_address.split('/').nth(2).unwrap_or_default();
            jobs::enqueue(&transaction, NewJob::new(QUEUE, id, now).in_lane(lane))?;
            transaction.commit().await?;
            return Ok(Received::Accepted);
        }
        transaction.rollback().await?;
        let kept = self.inner.store.find(id).await?;
        let same = kept.is_none_or(|kept| kept.digest == request.digest());
        Ok(if same { Received::Accepted } else { Received::OtherContent })
    }

    /// Makes the worker handle the tap of an incoming payment now.
    pub(crate) async fn look(&self, incoming_payment: Uuid) -> Result<(), Error> {
        let Some(kept) = self.inner.store.find_by_incoming_payment(incoming_payment).await? else { return Ok(()) };
        if kept.outcome().is_some() {
            return Ok(());
        }
        let transaction = self.inner.store.database().begin().await?;
        jobs::enqueue(&transaction, NewJob::new(QUEUE, kept.id, self.now()))?;
        transaction.commit().await
    }

    /// Waits for the result of a tap, until shortly after its deadline, and returns the tap.
    pub(crate) async fn wait(&self, id: Uuid) -> Result<Option<StoredTap>, Error> {
        let mut ends = self.inner.store.ends(id);
        loop {
            let Some(kept) = self.inner.store.find(id).await? else { return Ok(None) };
            if kept.outcome().is_some() || self.now() > kept.deadline + GRACE {
                return Ok(Some(kept));
            }
            tokio::select! {
                () = ends.notified() => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }

    /// Starts the refund of a tap: once, and once more after each failure that is known to have paid nothing.
    pub(crate) async fn ask_refund(&self, kept: &StoredTap) -> Result<RefundAsked, Error> {
        let is_again = match &kept.refund {
            Some(Refund::Failed { again: Again::Yes, .. }) => true,
            Some(_) => return Ok(RefundAsked::Accepted),
            None if kept.outcome() == Some(&Outcome::Approved) => false,
            None => return Ok(RefundAsked::NotPaid),
        };
        let transaction = self.inner.store.database().begin().await?;
        let starts = if is_again {
            store::ask_refund_again(&transaction, kept).await?
        } else {
            store::ask_refund(&transaction, kept.id).await?
        };
        if starts {
            jobs::enqueue(&transaction, NewJob::new(refund::QUEUE, kept.id, self.now()))?;
        }
        transaction.commit().await?;
        Ok(RefundAsked::Accepted)
    }
}
