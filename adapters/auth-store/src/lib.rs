//! The database of the authorization server: tenants, grants and access tokens.
//!
//! Rows do not leave this crate, and the rules for states are in `auth-model`. A grant, its interaction and its rights
//! are one row, so every request reads one row and writes one transaction.

mod cleanup;
mod entity;
mod grant_events;
mod grants;
mod kept_answers;
mod listing;
mod migrations;
mod service_tokens;
mod tenants;
mod unit;

use auth_model::{GrantId, SecretHash};
use clock::Timestamp;
use database::{Database, Gather};
use sea_orm::ConnectionTrait;

use grants::{NewGrant, Presented};
use tenants::KnownTenants;

pub use cleanup::{Purged, Retention};
pub use database::{Error, Locked};
pub use grant_events::{GRANT_EVENTS_QUEUE, GrantEvent};
pub use kept_answers::{Answered, KeptAnswer};
pub use listing::{FinalizationReason, GrantFilter, GrantPage, Page, Scope, SortOrder, StateName};
pub use migrations::MIGRATIONS;
pub use service_tokens::ServiceToken;
pub use tenants::{TenantChange, TenantData};
pub use unit::AuthUnit;

/// Tenants, grants and tokens in one database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AuthStore {
    database: Database,
    opening: Gather<NewGrant, ()>,
    presented: Gather<SecretHash, Option<Presented>>,
    token_ends: Gather<GrantId, Vec<Timestamp>>,
    tenants: KnownTenants,
}

impl AuthStore {
    /// The store in a database whose migrations have been applied.
    pub fn new(database: Database) -> Self {
        let [of_opening, of_presented, of_ends] = [(); 3].map(|()| database.clone());
        let opening = Gather::new(move |opened| grants::open(of_opening.clone(), opened));
        let presented = Gather::new(move |tokens| grants::present(of_presented.clone(), tokens));
        let token_ends = Gather::new(move |grants| grants::token_ends(of_ends.clone(), grants));
        let tenants = KnownTenants::new(&database);
        Self { database, opening, presented, token_ends, tenants }
    }

    /// Brings the tables up to date, and the table of jobs.
    pub async fn migrate(&self) -> Result<(), Error> {
        self.database.migrate(&MIGRATIONS).await?;
        self.database.migrate(&jobs::MIGRATIONS).await.map(drop)
    }

    /// Begins a unit of work that may change grants and tokens. If it is dropped without a commit, it changes nothing.
    pub async fn begin(&self) -> Result<AuthUnit, Error> {
        Ok(AuthUnit::new(self.database.begin().await?))
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), Error> {
        self.database.reader().execute_unprepared("SELECT 1").await?;
        Ok(())
    }
}
