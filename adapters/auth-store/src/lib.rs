//! The database of the authorization server: tenants, grants and access tokens.
//!
//! Rows do not leave this crate; what may follow from what is decided in `auth-model`. A grant, its question to the
//! owner and its rights are one row, so every request reads one row and writes one transaction.

mod cleanup;
mod entity;
mod grants;
mod listing;
mod migrations;
mod tenants;
mod work;

use database::Database;
use sea_orm::ConnectionTrait;

pub use cleanup::{Purged, Retention};
pub use database::{Error, Locked};
pub use listing::{FinalizationReason, GrantFilter, GrantPage, Page, Scope, SortOrder, StateName};
pub use migrations::MIGRATIONS;
pub use tenants::{TenantChange, TenantData};
pub use work::Work;

/// Tenants, grants and tokens in one database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AuthStore {
    database: Database,
}

impl AuthStore {
    /// The store in a database whose migrations have been applied.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Brings the tables up to date.
    pub async fn migrate(&self) -> Result<(), Error> {
        self.database.migrate(&MIGRATIONS).await.map(drop)
    }

    /// Begins a unit of work that may change grants and tokens. Dropped without a commit it changes nothing.
    pub async fn begin(&self) -> Result<Work, Error> {
        Ok(Work::new(self.database.begin().await?))
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), Error> {
        self.database.reader().execute_unprepared("SELECT 1").await?;
        Ok(())
    }
}
