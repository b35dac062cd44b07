//! The open store, and units of work: everything in one of them happens, or nothing.

use database::{Database, Error, Migrations, Step, Subscription, Watch, WriteTransaction};
use payments_model::TenantId;
use sea_orm::DatabaseConnection;

use crate::scope::{DIRECTORY, NEW_WALLET_ADDRESS, Scope, WALLET_ADDRESSES};

/// The tables of the backend.
pub const MIGRATIONS: Migrations = Migrations {
    store: "payments",
    steps: &[
        Step { name: "0001_backend", sql: include_str!("0001_backend.sql") },
        Step { name: "0002_ledger_alarms", sql: include_str!("0002_ledger_alarms.sql") },
        Step { name: "0003_grant_spent_by_asset", sql: include_str!("0003_grant_spent_by_asset.sql") },
        Step { name: "0004_webhook_endpoints", sql: include_str!("0004_webhook_endpoints.sql") },
    ],
};

/// The backend database.
#[derive(Clone, Debug)]
pub struct Store {
    database: Database,
}

impl Store {
    /// The store in `database`, its tables and those of its jobs brought up to date.
    pub async fn open(database: Database) -> Result<Self, Error> {
        database.migrate(&MIGRATIONS).await?;
        database.migrate(&jobs::MIGRATIONS).await?;
        Ok(Self { database })
    }

    /// The store in a `database` that somebody else migrates; one that is not up to date is an error.
    pub async fn open_migrated(database: Database) -> Result<Self, Error> {
        database.require_migrated(&MIGRATIONS).await?;
        database.require_migrated(&jobs::MIGRATIONS).await?;
        Ok(Self { database })
    }

    /// The database it lies in, for workers of its jobs.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Reads what belongs to one tenant.
    pub fn tenant(&self, tenant: TenantId) -> Scope<'_, DatabaseConnection> {
        Scope::of_tenant(self.database.reader(), tenant)
    }

    /// Reads across tenants: for the operator and the instance's own workers, never for a tenant's request.
    pub fn every_tenant(&self) -> Scope<'_, DatabaseConnection> {
        Scope::of_every_tenant(self.database.reader())
    }

    /// Begins a unit of work. Dropped without [`Unit::commit`] it leaves no trace.
    pub async fn begin(&self) -> Result<Unit, Error> {
        Ok(Unit { transaction: self.database.begin().await? })
    }

    /// Tells when a tenant, a setting, an asset, a fee or a peer has changed.
    pub fn directory_changes(&self) -> Subscription {
        self.database.subscribe(DIRECTORY)
    }

    /// Tells whether copies of tenants, settings, assets, fees and peers are up to date.
    pub fn watch_directory(&self) -> Watch {
        self.database.watch(DIRECTORY)
    }

    /// Tells whether copies of wallet addresses, their keys and properties are up to date.
    pub fn watch_wallet_addresses(&self) -> Watch {
        self.database.watch(WALLET_ADDRESSES)
    }

    /// Tells when there is another wallet address.
    pub fn new_wallet_addresses(&self) -> Subscription {
        self.database.subscribe(NEW_WALLET_ADDRESS)
    }
}

/// A unit of work: one transaction over all entities.
#[derive(Debug)]
pub struct Unit {
    transaction: WriteTransaction,
}

impl Unit {
    /// Reads and writes what belongs to one tenant.
    pub fn tenant(&self, tenant: TenantId) -> Scope<'_, WriteTransaction> {
        Scope::of_tenant(&self.transaction, tenant)
    }

    /// Reads and writes across tenants: for the operator and the instance's own workers.
    pub fn every_tenant(&self) -> Scope<'_, WriteTransaction> {
        Scope::of_every_tenant(&self.transaction)
    }

    /// The transaction itself, for enqueuing and completing jobs in it.
    pub fn transaction(&self) -> &WriteTransaction {
        &self.transaction
    }

    /// Makes it all durable and visible.
    pub async fn commit(self) -> Result<(), Error> {
        self.transaction.commit().await
    }
}
