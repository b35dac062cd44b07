//! Stores tenants, which are mirrored from the backend.
//!
//! It does not create tenants by itself.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use auth_model::{GrantState, SecretHash, Tenant, TenantId};
use clock::Timestamp;
use database::{Database, Error, Mark, Watch};
use outside_text::FieldChange;
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use url::Url;

use crate::AuthStore;
use crate::entity::{grants, tenants};

/// The data of a new tenant from the backend. Its debug form hides the secrets.
#[derive(Clone)]
pub struct TenantData {
    /// Its id.
    pub id: TenantId,
    /// The secret that signs its Admin API requests.
    pub api_secret: String,
    /// Its consent page.
    pub idp_consent_url: Option<Url>,
    /// The secret its identity provider presents.
    pub idp_secret: Option<String>,
}

/// The changes of a tenant from the backend.
#[derive(Clone, Default)]
pub struct TenantChange {
    /// The secret that signs its Admin API requests.
    pub api_secret: Option<String>,
    /// Its consent page.
    pub idp_consent_url: FieldChange<Url>,
    /// The secret its identity provider presents.
    pub idp_secret: FieldChange<String>,
}

impl fmt::Debug for TenantData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantData").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The topic of changes of a tenant.
const TENANTS: &str = "tenants";

/// The tenants that were looked up. They are kept until one of them changes.
#[derive(Clone, Debug)]
pub(crate) struct KnownTenants {
    watch: Watch,
    known: Arc<Mutex<Remembered>>,
}

/// The tenants read since a mark.
#[derive(Debug, Default)]
struct Remembered {
    mark: Option<Mark>,
    tenants: HashMap<TenantId, Tenant>,
}

impl KnownTenants {
    pub(crate) fn new(database: &Database) -> Self {
        Self { watch: database.watch(TENANTS), known: Arc::default() }
    }

    fn known(&self, id: TenantId, now: Option<Mark>) -> Option<Tenant> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.tenants.get(&id).filter(|_| now.is_some() && known.mark == now).cloned()
    }

    fn remember(&self, mark: Mark, tenant: Tenant) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.mark != Some(mark) {
            *known = Remembered { mark: Some(mark), tenants: HashMap::new() };
        }
        known.tenants.insert(tenant.id, tenant);
    }
}

fn kept(secret: &str) -> Vec<u8> {
    SecretHash::of(secret).as_bytes().to_vec()
}

impl TenantData {
    fn row(&self, now: Timestamp) -> tenants::ActiveModel {
        tenants::ActiveModel {
            id: Set(self.id.as_uuid()),
            idp_consent_url: Set(self.idp_consent_url.as_ref().map(Url::to_string)),
            idp_secret_hash: Set(self.idp_secret.as_deref().map(kept)),
            api_secret: Set(self.api_secret.clone()),
            created_at: Set(now.as_millis()),
            updated_at: Set(now.as_millis()),
            deleted_at: Set(None),
            ..Default::default()
        }
    }
}

impl AuthStore {
    /// A tenant that was not deleted.
    pub async fn get_tenant(&self, id: TenantId) -> Result<Option<Tenant>, Error> {
        // The mark is taken before the read, so that a change during the read makes the copy out of date.
        let mark = self.tenants.watch.mark();
        if let Some(known) = self.tenants.known(id, mark) {
            return Ok(Some(known));
        }
        let found = tenants::Entity::find_by_id(id.as_uuid())
            .filter(tenants::Column::DeletedAt.is_null())
            .one(self.database.reader())
            .await?;
        let found = found.map(tenants::Model::into_tenant).transpose()?;
        if let (Some(mark), Some(tenant)) = (mark, &found) {
            self.tenants.remember(mark, tenant.clone());
        }
        Ok(found)
    }

    /// Adds a tenant. If a tenant with this id exists or existed, the error is [`Error::UniqueViolation`].
    pub async fn create_tenant(&self, tenant: &TenantData, now: Timestamp) -> Result<(), Error> {
        let transaction = self.database.begin().await?;
        tenants::Entity::insert(tenant.row(now)).exec_without_returning(&transaction).await?;
        transaction.announce_on_commit(TENANTS);
        transaction.commit().await
    }

    /// Adds a tenant, or makes the existing one equal to it. A deleted tenant stays deleted.
    pub async fn ensure_tenant(&self, tenant: &TenantData, now: Timestamp) -> Result<(), Error> {
        use tenants::Column::{ApiSecret, Id, IdpConsentUrl, IdpSecretHash, UpdatedAt};
        let transaction = self.database.begin().await?;
        let replace =
            OnConflict::column(Id).update_columns([ApiSecret, IdpConsentUrl, IdpSecretHash, UpdatedAt]).to_owned();
        tenants::Entity::insert(tenant.row(now)).on_conflict(replace).exec_without_returning(&transaction).await?;
        transaction.announce_on_commit(TENANTS);
        transaction.commit().await
    }

    /// Changes a tenant. Returns whether it exists and was not deleted. A replaced secret stays valid until `old_until`
    /// beside the new one. The secret that was replaced before it ends now.
    pub async fn update_tenant(
        &self,
        id: TenantId,
        change: TenantChange,
        now: Timestamp,
        old_until: Timestamp,
    ) -> Result<bool, Error> {
        let transaction = self.database.begin().await?;
        let found = tenants::Entity::find_by_id(id.as_uuid())
            .filter(tenants::Column::DeletedAt.is_null())
            .lock_exclusive()
            .one(&transaction)
            .await?;
        let Some(before) = found else { return Ok(false) };

        let mut row = tenants::ActiveModel { id: Unchanged(id.as_uuid()), ..Default::default() };
        if let Some(secret) = change.api_secret.filter(|secret| *secret != before.api_secret) {
            row.api_secret = Set(secret);
            row.old_api_secret = Set(Some(before.api_secret));
            row.old_api_secret_until = Set(Some(old_until.as_millis()));
        }

        match change.idp_consent_url {
            FieldChange::Keep => {}
            FieldChange::Clear => row.idp_consent_url = Set(None),
            FieldChange::Set(url) => row.idp_consent_url = Set(Some(url.into())),
        }

        match change.idp_secret {
            FieldChange::Keep => {}
            FieldChange::Clear => {
                row.idp_secret_hash = Set(None);
                row.old_idp_secret_hash = Set(None);
            }
            FieldChange::Set(secret) => {
                let new = kept(&secret);
                if before.idp_secret_hash.as_ref() != Some(&new) {
                    row.old_idp_secret_until = Set(before.idp_secret_hash.as_ref().map(|_| old_until.as_millis()));
                    row.old_idp_secret_hash = Set(before.idp_secret_hash);
                    row.idp_secret_hash = Set(Some(new));
                }
            }
        }

        row.updated_at = Set(now.as_millis());
        let changed = tenants::Entity::update_many()
            .set(row)
            .filter(tenants::Column::Id.eq(id.as_uuid()))
            .filter(tenants::Column::DeletedAt.is_null())
            .exec(&transaction)
            .await?;

        transaction.announce_on_commit(TENANTS);
        transaction.commit().await?;
        Ok(changed.rows_affected == 1)
    }

    /// Deletes a tenant and revokes its grants. Returns whether it existed and was not deleted.
    pub async fn delete_tenant(&self, id: TenantId, deleted_at: Timestamp, now: Timestamp) -> Result<bool, Error> {
        let transaction = self.database.begin().await?;
        let row = tenants::ActiveModel {
            id: Unchanged(id.as_uuid()),
            deleted_at: Set(Some(deleted_at.as_millis())),
            updated_at: Set(now.as_millis()),
            ..Default::default()
        };

        let deleted = tenants::Entity::update_many()
            .set(row)
            .filter(tenants::Column::Id.eq(id.as_uuid()))
            .filter(tenants::Column::DeletedAt.is_null())
            .exec(&transaction)
            .await?;

        let (state, reason) = grants::words(GrantState::Revoked);
        grants::Entity::update_many()
            .col_expr(grants::Column::State, Expr::value(state))
            .col_expr(grants::Column::FinalizationReason, Expr::value(reason))
            .col_expr(grants::Column::UpdatedAt, Expr::value(now.as_millis()))
            .filter(grants::Column::TenantId.eq(id.as_uuid()))
            .exec(&transaction)
            .await?;

        transaction.announce_on_commit(TENANTS);
        transaction.commit().await?;
        Ok(deleted.rows_affected == 1)
    }
}
