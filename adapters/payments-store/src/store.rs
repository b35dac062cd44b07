//! The open store, and its units of work. Everything in a unit happens, or nothing.
//! The queries are in the files of the entities.

use clock::Timestamp;
use database::{Database, Error, Gather, Migrations, Step, Subscription, Watch, WriteTransaction};
use payments_model::peer_health::PeerHealth;
use payments_model::{
    Fee, FeeId, OutgoingPayment, OutgoingPaymentId, Peer, PeerId, Quote, Tenant, TenantId, WebhookDelivery,
    WebhookEndpoint, WebhookEndpointId, WebhookEvent, WebhookEventId,
};
use sea_orm::DatabaseConnection;

use crate::grant_spending::{GrantSpending, of_payments};
use crate::peers::digest_old_tokens;
use crate::scope::{CHANGES, DIRECTORY, NEW_WALLET_ADDRESS, Scope, WALLET_ADDRESSES};
use crate::{fees, peer_health, tenants, webhook_deliveries, webhook_events};

/// The tables of the backend.
pub const MIGRATIONS: Migrations = Migrations {
    store: "payments",
    steps: &[
        Step { name: "0001_backend", sql: include_str!("0001_backend.sql") },
        Step { name: "0002_ledger_alarms", sql: include_str!("0002_ledger_alarms.sql") },
        Step { name: "0003_grant_spent_by_asset", sql: include_str!("0003_grant_spent_by_asset.sql") },
        Step { name: "0004_peering", sql: include_str!("0004_peering.sql") },
        Step { name: "0004_webhook_endpoints", sql: include_str!("0004_webhook_endpoints.sql") },
        Step { name: "0006_tenant_secrets", sql: include_str!("0006_tenant_secrets.sql") },
        Step { name: "0007_kept_peer_tokens", sql: include_str!("0007_kept_peer_tokens.sql") },
        Step { name: "0008_peer_terms", sql: include_str!("0008_peer_terms.sql") },
        Step { name: "0009_peer_health", sql: include_str!("0009_peer_health.sql") },
        Step { name: "0010_partial_payments", sql: include_str!("0010_partial_payments.sql") },
        Step { name: "0011_peer_tls", sql: include_str!("0011_peer_tls.sql") },
        Step { name: "0012_delivery_record", sql: include_str!("0012_delivery_record.sql") },
        Step { name: "0013_lists", sql: include_str!("0013_lists.sql") },
        Step { name: "0014_webhook_pauses", sql: include_str!("0014_webhook_pauses.sql") },
    ],
};

/// The backend database.
#[derive(Clone, Debug)]
pub struct Store {
    database: Database,
    spendings: Gather<OutgoingPaymentId, Option<GrantSpending>>,
    fees: Gather<FeeId, Option<Fee>>,
    tenants: Gather<TenantId, Option<Tenant>>,
    events: Gather<WebhookEventId, Option<WebhookEvent>>,
    health: Gather<PeerId, Option<PeerHealth>>,
    waiting: Gather<WebhookEndpointId, u64>,
}

impl Store {
    /// Opens the store in `database`, and migrates its tables and the table of jobs.
    pub async fn open(database: Database) -> Result<Self, Error> {
        database.migrate(&MIGRATIONS).await?;
        database.migrate(&jobs::MIGRATIONS).await?;
        digest_old_tokens(&database).await?;
        Ok(Self::of(database))
    }

    /// Opens the store in a `database` that another process migrates. A database that is not up to date is an error.
    pub async fn open_migrated(database: Database) -> Result<Self, Error> {
        database.require_migrated(&MIGRATIONS).await?;
        database.require_migrated(&jobs::MIGRATIONS).await?;
        digest_old_tokens(&database).await?;
        Ok(Self::of(database))
    }

    fn of(database: Database) -> Self {
        let [of_spendings, of_fees, of_tenants, of_events, of_health, of_endpoints] =
            [(); 6].map(|()| database.clone());
        Self {
            database,
            spendings: Gather::new(move |payments| of_payments(of_spendings.clone(), payments)),
            fees: Gather::new(move |ids| fees::of_ids(of_fees.clone(), ids)),
            tenants: Gather::new(move |ids| tenants::of_ids(of_tenants.clone(), ids)),
            events: Gather::new(move |ids| webhook_events::of_ids(of_events.clone(), ids)),
            health: Gather::new(move |ids| peer_health::of_ids(of_health.clone(), ids)),
            waiting: Gather::new(move |ids| webhook_deliveries::waiting_for(of_endpoints.clone(), ids)),
        }
    }

    /// What a payment reserved under its grant, if the grant is counted. Whoever has the payment may know it. Questions of
    /// the same time, as for a list of payments, are one query.
    pub async fn spending_of(&self, payment: &OutgoingPayment) -> Result<Option<GrantSpending>, Error> {
        self.spendings.ask(payment.id()).await
    }

    /// The fee that was applied to a quote. Whoever has the quote may know it. Questions of the same time are one query.
    pub async fn fee_of(&self, quote: &Quote) -> Result<Option<Fee>, Error> {
        match quote.fee_id {
            Some(id) => self.fees.ask(id).await,
            None => Ok(None),
        }
    }

    /// The tenant with this id, deleted or not, for a caller that may know it. Questions of the same time, as for a list of
    /// payments, are one query.
    pub async fn owner(&self, id: TenantId) -> Result<Option<Tenant>, Error> {
        self.tenants.ask(id).await
    }

    /// The event of a delivery. Whoever has the delivery may know it. Questions of the same time are one query.
    pub async fn event_of(&self, delivery: &WebhookDelivery) -> Result<Option<WebhookEvent>, Error> {
        self.events.ask(delivery.event_id).await
    }

    /// How the exchanges with a peer went; `None` before the first is noted. Whoever has the peer may know it. Questions of
    /// the same time, as for a list of peers, are one query.
    pub async fn health_of(&self, peer: &Peer) -> Result<Option<PeerHealth>, Error> {
        self.health.ask(peer.id).await
    }

    /// How many deliveries to an endpoint have not ended: those that were not tried yet, and those that will be tried again.
    /// Whoever has the endpoint may know it. Questions of the same time are one query.
    pub async fn waiting_for(&self, endpoint: &WebhookEndpoint) -> Result<u64, Error> {
        self.waiting.ask(endpoint.id).await
    }

    /// The database, for workers of its jobs.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Deletes the clear values of peers' tokens whose trial period is over. Returns their number.
    pub async fn forget_kept_peer_tokens(&self, now: Timestamp) -> Result<u64, Error> {
        let sql = "DELETE FROM kept_peer_tokens WHERE keep_until <= $1";
        self.database.execute(sql, [now.as_millis().into()]).await
    }

    /// Reads the data of one tenant.
    pub fn tenant(&self, tenant: TenantId) -> Scope<'_, DatabaseConnection> {
        Scope::of_tenant(self.database.reader(), tenant)
    }

    /// Reads the data of every tenant. For the operator and the instance's own workers, never for a tenant's request.
    pub fn every_tenant(&self) -> Scope<'_, DatabaseConnection> {
        Scope::of_every_tenant(self.database.reader())
    }

    /// Begins a unit of work. If it is dropped without [`Unit::commit`], it changes nothing.
    pub async fn begin(&self) -> Result<Unit, Error> {
        Ok(Unit { transaction: self.database.begin().await? })
    }

    /// Signals changes of tenants, settings, assets, fees and peers.
    pub fn directory_changes(&self) -> Subscription {
        self.database.subscribe(DIRECTORY)
    }

    /// Says whether copies of tenants, settings, assets, fees and peers are up to date.
    pub fn watch_directory(&self) -> Watch {
        self.database.watch(DIRECTORY)
    }

    /// Says whether copies of wallet addresses, their keys and properties are up to date.
    pub fn watch_wallet_addresses(&self) -> Watch {
        self.database.watch(WALLET_ADDRESSES)
    }

    /// Says whether it may have become wrong that there is no wallet address at a URL. The creation of an address is not
    /// announced within its transaction, so that many can be created at once. So it can be heard of late or, if a process
    /// ends at that moment, never.
    pub fn watch_new_wallet_addresses(&self) -> Watch {
        self.database.watch(NEW_WALLET_ADDRESS)
    }

    /// Signals every change of the store, and of a ledger that [`Store::telling`] returned. Call it anew for each wait.
    pub fn follow_changes(&self) -> Subscription {
        self.database.follow(CHANGES)
    }

    /// Signals new wallet addresses.
    pub fn new_wallet_addresses(&self) -> Subscription {
        self.database.subscribe(NEW_WALLET_ADDRESS)
    }
}

/// A unit of work: one transaction over all entities. Its commit is a change that [`Store::follow_changes`] signals.
#[derive(Debug)]
pub struct Unit {
    transaction: WriteTransaction,
}

impl Unit {
    /// Reads and writes the data of one tenant.
    pub fn tenant(&self, tenant: TenantId) -> Scope<'_, WriteTransaction> {
        Scope::of_tenant(&self.transaction, tenant)
    }

    /// Reads and writes the data of every tenant. For the operator and the instance's own workers.
    pub fn every_tenant(&self) -> Scope<'_, WriteTransaction> {
        Scope::of_every_tenant(&self.transaction)
    }

    /// The transaction, for enqueuing and completing jobs in it.
    pub fn transaction(&self) -> &WriteTransaction {
        &self.transaction
    }

    /// As [`Unit::commit`], but together with the next unit of this process. What was written must be safe to repeat; see
    /// [`WriteTransaction::commit_deferred`].
    pub fn commit_deferred(self) -> impl Future<Output = Result<(), Error>> + Send {
        self.transaction.tell_on_commit(CHANGES);
        self.transaction.commit_deferred()
    }

    /// Makes all changes durable and visible.
    pub async fn commit(self) -> Result<(), Error> {
        self.transaction.tell_on_commit(CHANGES);
        self.transaction.commit().await
    }
}
